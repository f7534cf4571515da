//! `dlq show`: a dead letter, its rows, and what a replay would do.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, RowState},
    replay::{Letter, NamedRows, Selection, SettleError},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::parked;
use crate::{
    age,
    context::{Context, Outcome},
    error::Error,
    json_layout::{as_json, laid_out},
    output::Report,
    table::Table,
    text::Text,
};

/// How many rows are shown one by one.
const MOST_ROWS: usize = 50;

/// A dead letter, its rows, and what a replay of it would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    /// The id of the letter.
    id: String,
    /// When it was sent, if SQS says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    since: Option<Timestamp>,
    /// The message as it was sent; as a string, if it isn't JSON. It never contains an event.
    message: Box<RawValue>,
    /// The rows that it names.
    rows: Vec<Row>,
    /// What a replay would do, in words.
    replay: String,
    /// Commands for the first parked row.
    #[serde(skip)]
    next: Vec<String>,
}

/// A row that a dead letter names.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// Its name.
    row: String,
    /// `pending`, `parked`, `settled`, or `unknown` and why.
    state: String,
}

/// Receives a dead letter, makes it visible again, and reads its rows.
pub(crate) async fn dlq_show(context: &Context, id: &str) -> Result<Shown, Error> {
    let replay = context.parts.replay().await?;
    let selection = Selection {
        ids: HashSet::from([id.to_owned()]),
        limit: None,
    };
    let messages = replay.peek(&selection).await.map_err(Error::aws)?;
    let message = messages.into_iter().next();
    let message = message.ok_or_else(|| Error::NoSuchLetter(id.to_owned()))?;
    let mut shown = Shown {
        id: message.id,
        since: message.sent_at,
        message: as_json(&message.body),
        rows: Vec::new(),
        replay: String::new(),
        next: Vec::new(),
    };
    let named = match Letter::parse(&message.body) {
        Err(error) => Err(SettleError::NotADeadLetter(error)),
        Ok(letter) => replay.named(&letter).await,
    };
    match named {
        Err(unsettled) => shown.replay = format!("do nothing: {unsettled}"),
        Ok(NamedRows::Rows(rows)) => {
            let states = replay.states(&rows).await;
            shown.rows = rows
                .iter()
                .map(|key| Row::of(key, states.get(key)))
                .collect();
            shown.replay = foresee(&rows, &states);
            shown.next = first_parked(&rows, &states)
                .map_or_else(Vec::new, |key| parked::next(context, &key.to_string()));
        }
        Ok(NamedRows::CommittedUntil { until, reason }) => {
            shown.replay = format!(
                "publish every pending row committed until {until}, then delete the letter, because \
                 the stream no longer has the letter's records: {reason}"
            );
        }
    }
    Ok(shown)
}

impl Row {
    fn of(key: &RowKey, state: Option<&Result<RowState, CallError>>) -> Self {
        let state = match state {
            Some(Ok(RowState::Pending | RowState::Edited(_))) => "pending".to_owned(),
            Some(Ok(RowState::Parked)) => "parked".to_owned(),
            Some(Ok(RowState::Absent)) => "settled".to_owned(),
            Some(Err(error)) => format!("unknown: {error}"),
            None => "unknown".to_owned(),
        };
        Self {
            row: key.to_string(),
            state,
        }
    }
}

/// Returns what a replay of a letter with these rows would do.
fn foresee(rows: &[RowKey], states: &HashMap<RowKey, Result<RowState, CallError>>) -> String {
    let is_known = |key: &RowKey| matches!(states.get(key), Some(Ok(_)));
    if !rows.iter().all(is_known) {
        return "keep the letter, because the state of some rows is unknown".to_owned();
    }
    let is_pending = |key: &&RowKey| {
        let state = states.get(*key);
        matches!(state, Some(Ok(RowState::Pending | RowState::Edited(_))))
    };
    let pending = rows.iter().filter(is_pending).count();
    let publish = match pending {
        0 => "publish nothing".to_owned(),
        1 => "publish the pending row".to_owned(),
        pending => format!("publish the {pending} pending rows"),
    };
    match first_parked(rows, states) {
        None => format!("{publish}, and delete the letter"),
        Some(_) => format!("{publish}, and keep the letter because of its parked rows"),
    }
}

fn first_parked<'r>(
    rows: &'r [RowKey],
    states: &HashMap<RowKey, Result<RowState, CallError>>,
) -> Option<&'r RowKey> {
    let is_parked = |key: &&RowKey| matches!(states.get(*key), Some(Ok(RowState::Parked)));
    rows.iter().find(is_parked)
}

impl Report for Shown {
    fn outcome(&self) -> Outcome {
        Outcome::NeedsAttention
    }

    fn text(&self) -> Text {
        let age = self.since.map_or("unknown".to_owned(), age::age);
        let mut text = Text::line(format_args!("letter {}, age {age}", self.id));
        // Strings of JSON have no line breaks, so every line is one of the layout.
        text.append(Text::laid_out(&laid_out(self.message.get())));
        if !self.rows.is_empty() {
            let mut table = Table::new(["row", "state"]);
            for row in self.rows.iter().take(MOST_ROWS) {
                table.add_row([row.row.clone(), row.state.clone()]);
            }
            text.append(table.text());
            if self.rows.len() > MOST_ROWS {
                let more = self.rows.len() - MOST_ROWS;
                text.add(format_args!("and {more} more rows"));
            }
        }
        text.add(format_args!("a replay would {}", self.replay));
        for command in &self.next {
            text.add_command(command);
        }
        text
    }
}
