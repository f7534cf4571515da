//! `dlq replay`: publishes the rows of dead letters, then deletes the letters.

use outbox::{
    RowKey,
    ports::{DeadLetterQueue, Message},
    relay::Failure,
    replay::{LetterOutcome, Selection},
};
use serde::Serialize;

use super::parked;
use crate::{
    context::{Context, Outcome},
    error::Error,
    interrupt::Interrupt,
    outbox_parts::OperatorReplay,
    output::{Report, count},
    progress::Progress,
    text::Text,
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

/// The letters of a replay, one after the other: each is recorded, and reported at once if it
/// stays.
struct Letters<'c> {
    context: &'c Context<'c>,
    progress: Progress,
    /// How many were found in the queue.
    found: usize,
    replayed: Replayed,
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
    let most = depth.visible.min(limit.unwrap_or(usize::MAX));
    let about = if ids.is_empty() { most } else { ids.len() };
    let mut letters = Letters::of(context, about);
    if dry_run {
        letters.dry_run(&replay, &selection).await?;
    } else {
        letters.replay(&replay, &selection, &interrupt).await;
    }
    let replayed = letters.finish(ids.len());
    context.print(&replayed)?;
    let is_done = replayed.left.is_empty() && replayed.ended_early.is_none();
    Ok(Outcome::done_if(is_done))
}

impl<'c> Letters<'c> {
    /// Begins with about this many letters.
    fn of(context: &'c Context<'c>, about: usize) -> Self {
        Self {
            context,
            progress: Progress::of("replaying", about, context.is_for_people()),
            found: 0,
            replayed: Replayed {
                list: context.command(&["dlq", "list"]),
                ..Replayed::default()
            },
        }
    }

    async fn dry_run(
        &mut self,
        replay: &OperatorReplay,
        selection: &Selection,
    ) -> Result<(), Error> {
        self.replayed.dry_run = true;
        let record = |message: &Message, outcome: &LetterOutcome| self.record(message, outcome);
        replay.dry_run(selection, record).await.map_err(Error::aws)
    }

    /// Replays the letters. If that fails, what was done before is still reported.
    async fn replay(
        &mut self,
        replay: &OperatorReplay,
        selection: &Selection,
        interrupt: &Interrupt,
    ) {
        let stop = || interrupt.is_wanted();
        let record = |message: &Message, outcome: &LetterOutcome| self.record(message, outcome);
        match replay.run(selection, stop, record).await {
            Ok(summary) => {
                self.replayed.published = summary.published;
                self.replayed.ended_early = summary.halted.map(|halt| halt.to_string());
            }
            Err(error) => self.replayed.ended_early = Some(error.to_string()),
        }
        if interrupt.is_wanted() {
            let ended_early = &mut self.replayed.ended_early;
            ended_early.get_or_insert("interrupted".to_owned());
        }
    }

    fn record(&mut self, message: &Message, outcome: &LetterOutcome) {
        self.found += 1;
        self.progress.advance();
        if let Some(left) = self.replayed.record(message, outcome, self.context) {
            self.progress.say(left.text());
        }
    }

    /// Returns the result of a replay of these letters: `selected` by their ids, or any.
    fn finish(mut self, selected: usize) -> Replayed {
        self.progress.finish();
        if self.found < selected {
            let missing = count(selected - self.found, "letter");
            let reason = format!("{missing} not found: already deleted, or in flight");
            self.replayed.ended_early.get_or_insert(reason);
        }
        self.replayed
    }
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

impl RemainingLetter {
    fn text(&self) -> Text {
        let mut text = Text::line(format_args!("{} stays: {}", self.id, self.why));
        for command in &self.next {
            text.append_indented(Text::line(command));
        }
        text
    }
}

impl Report for Replayed {
    fn text(&self) -> Text {
        let letters = count(self.settled, "dead letter");
        let rows = count(self.published, "row");
        let mut text = if self.dry_run {
            Text::line(format_args!(
                "a replay would publish {rows} and settle {letters}"
            ))
        } else {
            Text::line(format_args!("{letters} settled, {rows} published"))
        };
        if self.from_table > 0 {
            let from_table = count(self.from_table, "letter");
            text.add(format_args!(
                "{from_table} settled by publishing all pending rows of that time: the stream no longer has the records"
            ));
        }
        if !self.left.is_empty() {
            let stay = count(self.left.len(), "letter");
            text.add(format_args!(
                "{stay} left, with reasons above: {}",
                self.list
            ));
        }
        if let Some(reason) = &self.ended_early {
            text.add(format_args!("ended early: {reason}"));
        }
        text
    }
}
