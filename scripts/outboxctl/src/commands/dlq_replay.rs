//! `dlq replay`: publishes the rows of dead letters, then deletes the letters.

use std::fmt;

use outbox::{
    RowKey,
    ports::{DeadLetterQueue, Message},
    relay::Failure,
    replay::{LetterOutcome, Selection, Summary},
};
use serde::Serialize;

use super::parked;
use crate::{
    context::{Context, Outcome},
    error::Error,
    interrupt::Interrupt,
    output::count,
    progress::Progress,
};

/// How many rows of a letter are named one by one.
const MOST_ROWS: usize = 3;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replayed {
    /// Letters that were settled and deleted; in a dry run, those that would be.
    settled: usize,
    /// Rows that were published, including those before a dead one in its aggregate. In a
    /// dry run, only the rows that letters name.
    published: usize,
    /// Letters that stay in the queue, and what to do about each.
    left: Vec<RemainingLetter>,
    /// Letters that were settled from the table, because the stream no longer has their
    /// records.
    from_table: usize,
    dry_run: bool,
    /// Why the replay ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_early: Option<String>,
    /// The command that lists the remaining letters.
    #[serde(skip)]
    list: String,
}

#[derive(Debug, Serialize)]
struct RemainingLetter {
    id: String,
    why: String,
    /// Commands for the first parked row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next: Vec<String>,
}

pub(super) async fn run(
    context: &Context<'_>,
    dry_run: bool,
    limit: Option<usize>,
    ids: &[String],
) -> Result<Outcome, Error> {
    let interrupt = Interrupt::listen(context.is_for_people());
    let replay = context.parts.replay().await?;
    let selection = Selection {
        ids: ids.iter().cloned().collect(),
        limit,
    };
    let depth = replay.queue().depth().await.map_err(Error::aws)?;
    let about = depth.visible.min(limit.unwrap_or(usize::MAX));
    let about = if ids.is_empty() { about } else { ids.len() };
    let mut progress = Progress::of("replaying", about, context.is_for_people());
    let mut replayed = Replayed {
        dry_run,
        list: context.command(&["dlq", "list"]),
        ..Replayed::default()
    };
    let mut found = 0;
    let record = |message: &Message, outcome: &LetterOutcome| {
        found += 1;
        progress.advance();
        if let Some(left) = replayed.record(message, outcome, context) {
            progress.say(&left.to_string());
        }
    };
    if dry_run {
        replay
            .dry_run(&selection, record)
            .await
            .map_err(Error::aws)?;
    } else {
        let stop = || interrupt.is_wanted();
        let summary = replay.run(&selection, stop, record).await;
        match summary {
            Ok(Summary {
                published, halted, ..
            }) => {
                replayed.published = published;
                replayed.ended_early = halted.map(|halt| halt.to_string());
            }
            // What was done before the failure is still reported.
            Err(error) => replayed.ended_early = Some(error.to_string()),
        }
        if interrupt.is_wanted() {
            replayed.ended_early.get_or_insert("interrupted".to_owned());
        }
    }
    progress.finish();
    if found < ids.len() && replayed.ended_early.is_none() {
        let missing = count(ids.len() - found, "letter");
        replayed.ended_early = Some(format!(
            "{missing} not found: already deleted, or in flight"
        ));
    }
    context.print(&replayed)?;
    let is_done = replayed.left.is_empty() && replayed.ended_early.is_none();
    Ok(Outcome::done_if(is_done))
}

impl Replayed {
    /// Records the outcome on a letter. Returns the letter if it stays in the queue.
    fn record(
        &mut self,
        message: &Message,
        outcome: &LetterOutcome,
        context: &Context<'_>,
    ) -> Option<&RemainingLetter> {
        let (why, next) = match outcome {
            LetterOutcome::Settled {
                published,
                from_table,
                ..
            } => {
                self.settled += 1;
                self.published += published;
                self.from_table += usize::from(from_table.is_some());
                return None;
            }
            LetterOutcome::Pending { parked, failed } => {
                let first = parked.first().map(ToString::to_string);
                let next = first.map(|row| parked::next(context, &row));
                (still_there(parked, failed), next.unwrap_or_default())
            }
            LetterOutcome::Unsettled(unsettled) => (unsettled.to_string(), Vec::new()),
        };
        self.left.push(RemainingLetter {
            id: message.id.clone(),
            why,
            next,
        });
        self.left.last()
    }
}

fn still_there(parked: &[RowKey], failed: &[(RowKey, Failure)]) -> String {
    let parked = parked.iter().map(|row| format!("{row} is parked"));
    let failed = failed.iter().map(|(row, why)| format!("{row} {why}"));
    let mut whys: Vec<String> = parked.chain(failed).collect();
    let more = whys.len().saturating_sub(MOST_ROWS);
    whys.truncate(MOST_ROWS);
    if more > 0 {
        whys.push(format!("and {} more", count(more, "row")));
    }
    whys.join("; ")
}

impl fmt::Display for RemainingLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stays: {}", self.id, self.why)?;
        for command in &self.next {
            write!(f, "\n  {command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = count(self.settled, "dead letter");
        let rows = count(self.published, "row");
        if self.dry_run {
            write!(f, "a replay would publish {rows} and settle {letters}")?;
        } else {
            write!(f, "{letters} settled, {rows} published")?;
        }
        if self.from_table > 0 {
            let from_table = count(self.from_table, "letter");
            write!(
                f,
                "\n{from_table} settled by publishing all pending rows of that time: the stream no longer has the records"
            )?;
        }
        if !self.left.is_empty() {
            let stay = count(self.left.len(), "letter");
            write!(f, "\n{stay} left, with reasons above: {}", self.list)?;
        }
        match &self.ended_early {
            Some(reason) => write!(f, "\nended early: {reason}"),
            None => Ok(()),
        }
    }
}
