//! `parked`: the parked rows and their reasons.

use jiff::Timestamp;
use outbox::ports::CallError;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    edits::{Edited, Edits},
    group_table::{self, ShownGroup},
    parked_rows::ParkedRow,
};
use crate::{
    age, arguments,
    context::{Context, Outcome},
    error::Error,
    output::Report,
    table::Table,
    text::Text,
};

/// The parked rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    /// The rows by code and message, the largest group first.
    pub(crate) groups: Vec<ShownGroup>,
    /// Each row, those that were parked first at the beginning.
    pub(crate) rows: Vec<Row>,
    /// Why edits are unknown, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    edits_unknown: Option<String>,
    #[serde(skip)]
    is_flat: bool,
    /// Commands for the first row.
    #[serde(skip)]
    of_row: Vec<String>,
    /// Commands for the largest group.
    #[serde(skip)]
    of_group: Vec<String>,
    /// The command that lists every row.
    #[serde(skip)]
    flat: String,
}

/// A parked row.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Its name.
    row: String,
    /// The id of the event, if the row's key has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The type of the event, if the row can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// Why it is parked: a code, and a message.
    reason: String,
    /// When it was parked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    parked_at: Timestamp,
    /// Its edits in the past 30 days, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<Edited>,
}

/// Reads the table, and returns its parked rows.
pub(crate) async fn parked(
    context: &Context,
    options: &arguments::Listing,
) -> Result<Listing, Error> {
    let mut parked = ParkedRow::all(context).await?;
    // Without parked rows all is well, whatever group was asked for.
    if let Some(code) = &options.group
        && !parked.is_empty()
    {
        parked = ParkedRow::only(parked, code)?;
    }
    let edits = edits(context, &parked).await;
    Ok(Listing::of(context, &parked, &edits, options))
}

/// Reads how often the rows were edited.
pub(crate) async fn edits(context: &Context, rows: &[ParkedRow]) -> Result<Edits, CallError> {
    // A row says whether it was edited, so there is nothing to read for most.
    let edited = rows.iter().filter(|row| row.may_be_edited());
    Edits::read(&context.parts.relay(), edited.map(ParkedRow::key)).await
}

/// Returns the commands for a parked row. The operator must add a reason to the discard:
/// with an empty one it is rejected.
pub(crate) fn next(context: &Context, row: &str) -> Vec<String> {
    vec![
        context.command_for(&["edit"], row, &[]),
        context.command_for(&["unpark"], row, &[]),
        context.command_for(&["discard"], row, &["--reason", ""]),
    ]
}

/// Returns the commands for a group of parked rows.
fn next_for_group(context: &Context, code: &str) -> Vec<String> {
    vec![
        context.command_for_group(&["unpark"], code, &[]),
        context.command_for_group(&["discard"], code, &["--reason", ""]),
    ]
}

impl Listing {
    fn of(
        context: &Context,
        parked: &[ParkedRow],
        edits: &Result<Edits, CallError>,
        options: &arguments::Listing,
    ) -> Self {
        let groups = ShownGroup::of(ParkedRow::groups(parked), edits, |_| None);
        let flat = ["parked", "--flat"];
        Self {
            of_row: parked
                .first()
                .map_or_else(Vec::new, |first| next(context, &first.key().to_string())),
            of_group: groups
                .first()
                .map_or_else(Vec::new, |group| next_for_group(context, group.code())),
            flat: match &options.group {
                Some(code) => context.command_for_group(&flat, code, &[]),
                None => context.command(&flat),
            },
            is_flat: options.flat,
            rows: parked.iter().map(|row| Row::of(row, edits)).collect(),
            edits_unknown: edits.as_ref().err().map(ToString::to_string),
            groups,
        }
    }
}

impl Row {
    fn of(row: &ParkedRow, edits: &Result<Edits, CallError>) -> Self {
        let stored = row.candidate.row.as_ref().ok();
        Self {
            row: row.key().to_string(),
            event_id: row.key().event_id().map(str::to_owned),
            event: stored.map(|row| row.detail_type.clone()),
            reason: row.mark.reason.clone(),
            parked_at: row.parked_at(),
            edited: edits.as_ref().ok().and_then(|edits| edits.of(row.key())),
        }
    }
}

fn flat(rows: &[Row]) -> Text {
    let mut table = Table::new(["row", "event", "reason", "since"]);
    for row in rows {
        table.add_row([
            row.row.clone(),
            row.event.clone().unwrap_or_else(|| "unknown".to_owned()),
            row.reason.clone(),
            age::age(row.parked_at),
        ]);
    }
    table.text()
}

impl Report for Listing {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.rows.is_empty())
    }

    fn text(&self) -> Text {
        if self.rows.is_empty() {
            return "no row is parked".into();
        }
        let mut text = if self.is_flat {
            flat(&self.rows)
        } else {
            group_table::of_rows(&self.groups)
        };
        if let Some(reason) = &self.edits_unknown {
            text.add(format_args!("edits are unknown: {reason}"));
        }
        text.add("for each row, one of these commands, here for the oldest:");
        for command in &self.of_row {
            text.add_command(command);
        }
        text.add("for all rows with a code, here that of the largest group; first they only show what they would do:");
        for command in &self.of_group {
            text.add_command(command);
        }
        if !self.is_flat {
            text.suggest("list every row", &self.flat);
        }
        text
    }
}
