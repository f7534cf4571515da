//! `dlq replay`: publishes the rows of dead letters, then deletes the letters.

use std::collections::HashSet;

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{DeadLetterQueue, Message},
    relay::Failure,
    replay::{LetterOutcome, Selection},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{letters::ListedLetter, parked};
use crate::{
    arguments::{DlqReplay, WholeGroup},
    context::{Context, Outcome},
    error::Error,
    operator::Operator,
    outbox_parts::OperatorReplay,
    output::{Report, count},
    text::Text,
};

/// How many rows of a letter are named one by one.
const MOST_ROWS: usize = 3;

/// The result of a replay of dead letters, or of a dry run.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// Letters that were settled and deleted; in a dry run, those that would be.
    pub(crate) settled: usize,
    /// Rows that were published, including those before a dead one in its aggregate. In a
    /// dry run, only the rows that letters name.
    pub(crate) published: usize,
    /// Letters that stay in the queue, and what to do about each.
    pub(crate) left: Vec<RemainingLetter>,
    /// Letters that were settled from the table, because the stream no longer has their
    /// records.
    from_table: usize,
    /// Whether nothing was changed.
    pub(crate) dry_run: bool,
    /// The result for each letter of a group; absent for other replays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) letters: Vec<LetterResult>,
    /// The command that replays the group, in a dry run of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    /// The end of what the operator has seen, in a dry run of a group.
    #[serde(skip)]
    pub(crate) until: Option<Timestamp>,
    /// Why the replay ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_early: Option<String>,
    /// The command that lists the remaining letters.
    #[serde(skip)]
    list: String,
}

/// A letter that stays in the queue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemainingLetter {
    /// Its id.
    pub(crate) id: String,
    /// Why it stays.
    pub(crate) why: String,
    /// Commands for the first parked row, if there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) next: Vec<String>,
}

/// What came of one letter of a group.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LetterResult {
    /// The id of the letter.
    pub(crate) id: String,
    /// The result in words.
    pub(crate) result: String,
}

/// A group of letters that is replayed as a whole.
struct LetterGroup {
    ids: HashSet<String>,
    /// When the last of them was sent.
    until: Option<Timestamp>,
    /// The command that replays it.
    command: String,
}

/// The letters of a replay, one after the other: each is recorded, and reported at once if it
/// stays.
struct Letters<'c> {
    context: &'c Context,
    operator: &'c dyn Operator,
    /// How many were found in the queue.
    found: usize,
    /// Whether the result for each letter is reported, and not only for those that stay.
    is_each_reported: bool,
    replayed: Replayed,
}

/// Replays dead letters, or returns what a replay would do.
pub(crate) async fn dlq_replay(
    context: &Context,
    operator: &dyn Operator,
    options: &DlqReplay,
) -> Result<Replayed, Error> {
    operator.offer_stop();
    let replay = context.parts.replay().await?;
    let group = LetterGroup::find(context, &replay, &options.whole).await?;
    let ids: HashSet<String> = match &group {
        // Without ids the selection would be all letters.
        Some(group) if group.ids.is_empty() => return Ok(Replayed::all_later()),
        Some(group) => group.ids.clone(),
        None => options.ids.iter().cloned().collect(),
    };
    let selected = ids.len();
    let selection = Selection {
        ids,
        limit: options.limit,
    };
    let depth = replay.queue().depth().await.map_err(Error::aws)?;
    let most = depth.visible.min(options.limit.unwrap_or(usize::MAX));
    let mut letters = Letters::of(
        context,
        operator,
        if selected == 0 { most } else { selected },
    );
    letters.is_each_reported = group.is_some();
    if options.dry_run || options.whole.is_preview() {
        if let Some(group) = group {
            letters.replayed.command = Some(group.command);
            letters.replayed.until = group.until;
        }
        letters.dry_run(&replay, &selection).await?;
    } else {
        letters.replay(&replay, &selection).await;
    }
    Ok(letters.finish(selected))
}

impl LetterGroup {
    /// Returns the letters of the group that was typed; `None` if none was.
    async fn find(
        context: &Context,
        replay: &OperatorReplay,
        whole: &WholeGroup,
    ) -> Result<Option<Self>, Error> {
        let Some(code) = &whole.group else {
            return Ok(None);
        };
        let letters = ListedLetter::peek(context, replay, None).await?;
        let mut letters = ListedLetter::only(letters, code)?;
        letters.retain(|letter| whole.until.is_none_or(|until| letter.since <= Some(until)));
        let until = letters.iter().filter_map(|letter| letter.since).max();
        // SQS reports the time of every letter. Without it, the letter is part of the group.
        let typed = until.unwrap_or_default().to_string();
        let replay = ["dlq", "replay"];
        Ok(Some(Self {
            ids: letters.into_iter().map(|letter| letter.id).collect(),
            until,
            command: context.command_for_group(&replay, code, &["--until", &typed]),
        }))
    }
}

impl<'c> Letters<'c> {
    /// Begins with about this many letters.
    fn of(context: &'c Context, operator: &'c dyn Operator, about: usize) -> Self {
        operator.begin("replaying", about);
        Self {
            context,
            operator,
            found: 0,
            is_each_reported: false,
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
    async fn replay(&mut self, replay: &OperatorReplay, selection: &Selection) {
        let operator = self.operator;
        let stop = || operator.is_stop_wanted();
        let record = |message: &Message, outcome: &LetterOutcome| self.record(message, outcome);
        match replay.run(selection, stop, record).await {
            Ok(summary) => {
                self.replayed.published = summary.published;
                self.replayed.ended_early = summary.halted.map(|halt| halt.to_string());
            }
            Err(error) => self.replayed.ended_early = Some(error.to_string()),
        }
        if operator.is_stop_wanted() {
            let ended_early = &mut self.replayed.ended_early;
            ended_early.get_or_insert("interrupted".to_owned());
        }
    }

    fn record(&mut self, message: &Message, outcome: &LetterOutcome) {
        self.found += 1;
        self.operator.advance();
        if self.is_each_reported {
            let result = LetterResult::of(message, outcome, self.replayed.dry_run);
            self.replayed.letters.push(result);
        }
        if let Some(left) = self.replayed.record(message, outcome, self.context) {
            let text = left.text();
            self.operator.note(text);
        }
    }

    /// Returns the result of a replay of these letters: `selected` by their ids, or any.
    fn finish(mut self, selected: usize) -> Replayed {
        self.operator.finish();
        if self.found < selected {
            let missing = count(selected - self.found, "letter");
            let reason = format!("{missing} not found: already deleted, or in flight");
            self.replayed.ended_early.get_or_insert(reason);
        }
        self.replayed
    }
}

impl Replayed {
    /// Returns that there is nothing to replay: the group has other letters now.
    fn all_later() -> Self {
        Self {
            ended_early: Some("all letters of the group were sent after --until".to_owned()),
            ..Self::default()
        }
    }

    /// Records the outcome on a letter. Returns the letter if it stays in the queue.
    fn record(
        &mut self,
        message: &Message,
        outcome: &LetterOutcome,
        context: &Context,
    ) -> Option<&RemainingLetter> {
        let why = why_left(outcome).unwrap_or_default();
        let next = match outcome {
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
            LetterOutcome::Pending { parked, .. } => {
                let first = parked.first().map(ToString::to_string);
                first.map_or_else(Vec::new, |row| parked::next(context, &row))
            }
            LetterOutcome::Unsettled(_) => Vec::new(),
        };
        self.left.push(RemainingLetter {
            id: message.id.clone(),
            why,
            next,
        });
        self.left.last()
    }
}

/// Returns why a letter stays in the queue; `None` if it is settled.
fn why_left(outcome: &LetterOutcome) -> Option<String> {
    match outcome {
        LetterOutcome::Settled { .. } => None,
        LetterOutcome::Pending { parked, failed } => Some(still_there(parked, failed)),
        LetterOutcome::Unsettled(unsettled) => Some(unsettled.to_string()),
    }
}

impl LetterResult {
    fn of(message: &Message, outcome: &LetterOutcome, is_dry_run: bool) -> Self {
        let (settled, stays) = if is_dry_run {
            ("would be settled", "would stay")
        } else {
            ("settled", "stays")
        };
        let result = match outcome {
            LetterOutcome::Settled {
                from_table: Some(_),
                ..
            } => format!("{settled} by publishing all pending rows of that time"),
            LetterOutcome::Settled {
                published, before, ..
            } => {
                let published = count(*published, "row");
                format!("{settled}: {published} published, {before} settled before")
            }
            left => format!("{stays}: {}", why_left(left).unwrap_or_default()),
        };
        Self {
            id: message.id.clone(),
            result,
        }
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
            text.add_command(command);
        }
        text
    }
}

impl Report for Replayed {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.left.is_empty() && self.ended_early.is_none())
    }

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
        for letter in &self.letters {
            text.append_indented(Text::line(format_args!("{}: {}", letter.id, letter.result)));
        }
        if self.from_table > 0 {
            let from_table = count(self.from_table, "letter");
            text.add(format_args!(
                "{from_table} settled by publishing all pending rows of that time: the stream no longer has the records"
            ));
        }
        if !self.left.is_empty() {
            let stay = count(self.left.len(), "letter");
            text.suggest(format_args!("{stay} left, with reasons above"), &self.list);
        }
        if let Some(reason) = &self.ended_early {
            text.add(format_args!("ended early: {reason}"));
        }
        if let Some(command) = &self.command {
            text.add("nothing was changed; to replay the group:");
            text.add_command(command);
        }
        text
    }
}
