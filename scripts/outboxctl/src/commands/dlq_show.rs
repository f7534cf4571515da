use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use outbox::{
    RowKey,
    relay::RowState,
    replay::{Letter, Named, Selection},
};
use serde::Serialize;
use serde_json::Value;

use super::{Context, Ending};
use crate::{age, error::Error, output::table};

/// Rows that are shown one by one.
const MOST_ROWS: usize = 50;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    since: String,
    /// The message itself. It never holds an event.
    message: Value,
    rows: Vec<Row>,
    /// What a replay would do.
    replay: String,
}

#[derive(Debug, Serialize)]
struct Row {
    row: String,
    state: String,
}

pub(super) async fn run(context: &Context<'_>, id: &str) -> Result<Ending, Error> {
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
        since: message.sent_at.map_or("unknown".to_owned(), age::age),
        message: serde_json::from_str(&message.body).unwrap_or(Value::String(message.body.clone())),
        rows: Vec::new(),
        replay: String::new(),
    };
    let named = match Letter::parse(&message.body) {
        Err(error) => Err(format!("nothing: it is no dead letter, {error}")),
        Ok(letter) => replay
            .named(&letter)
            .await
            .map_err(|unsettled| format!("nothing: {unsettled}")),
    };
    match named {
        Err(nothing) => shown.replay = nothing,
        Ok(Named::Rows(rows)) => {
            let states = replay.states(&rows).await;
            shown.rows = rows
                .iter()
                .map(|key| Row::of(key, states.get(key)))
                .collect();
            shown.replay = foresee(&rows, &states);
        }
        Ok(Named::CommittedUntil { until, reason }) => {
            shown.replay = format!(
                "the stream no longer tells which rows it was about ({reason}): publish everything \
                 pending that was committed until {until}, then delete the letter"
            );
        }
    }
    context.print(&shown);
    Ok(Ending::NeedsAPerson)
}

impl Row {
    fn of(key: &RowKey, state: Option<&Result<RowState, String>>) -> Self {
        let state = match state {
            Some(Ok(RowState::Pending | RowState::Edited(_))) => "pending".to_owned(),
            Some(Ok(RowState::Parked)) => "set aside".to_owned(),
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

fn foresee(rows: &[RowKey], states: &HashMap<RowKey, Result<RowState, String>>) -> String {
    let with = |is_wanted: fn(RowState) -> bool| {
        let has =
            move |key: &&RowKey| matches!(states.get(*key), Some(Ok(state)) if is_wanted(*state));
        rows.iter().filter(has)
    };
    let is_known = |key: &RowKey| matches!(states.get(key), Some(Ok(_)));
    if !rows.iter().all(is_known) {
        return "keep the letter: the table does not tell of every row".to_owned();
    }
    let pending = with(|state| matches!(state, RowState::Pending | RowState::Edited(_))).count();
    let parked: Vec<&RowKey> = with(|state| state == RowState::Parked).collect();
    let publish = match pending {
        0 => "publish nothing".to_owned(),
        1 => "publish the row that is pending".to_owned(),
        pending => format!("publish the {pending} rows that are pending"),
    };
    match parked.first() {
        None => format!("{publish}, and delete the letter"),
        Some(first) => format!(
            "{publish}, and keep the letter for what is set aside: outboxctl edit '{first}', \
             unpark '{first}', or discard '{first}' --reason TEXT"
        ),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "letter {}, there for {}", self.id, self.since)?;
        writeln!(f, "{:#}", self.message)?;
        if !self.rows.is_empty() {
            let mut table = table(["row", "state"]);
            for row in self.rows.iter().take(MOST_ROWS) {
                table.add_row([&row.row, &row.state]);
            }
            writeln!(f, "{table}")?;
            if self.rows.len() > MOST_ROWS {
                writeln!(f, "and {} more rows", self.rows.len() - MOST_ROWS)?;
            }
        }
        write!(f, "a replay would {}", self.replay)
    }
}
