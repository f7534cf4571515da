//! `parked`: the parked rows and their reasons.

use jiff::Timestamp;
use outbox::{Candidate, Parked, ports::StoredRow};
use serde::Serialize;

use crate::{
    age,
    context::{Context, Outcome},
    error::Error,
    output::Report,
    table::Table,
    text::Text,
};

#[derive(Debug, Serialize)]
struct Listing {
    rows: Vec<Row>,
    /// Commands for the first row.
    #[serde(skip)]
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    row: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The type of the event, if the row can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    reason: String,
    parked_at: Timestamp,
}

pub(super) async fn run(context: &Context<'_>, reason: Option<&str>) -> Result<Outcome, Error> {
    let parked = parked(context, reason).await?;
    let rows = parked
        .iter()
        .map(|(candidate, mark)| Row::of(candidate, mark));
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by(|a, b| a.parked_at.cmp(&b.parked_at).then(a.row.cmp(&b.row)));
    let outcome = Outcome::done_if(rows.is_empty());
    let next = rows
        .first()
        .map_or_else(Vec::new, |first| next(context, &first.row));
    context.print(&Listing { rows, next })?;
    Ok(outcome)
}

/// Returns the commands for a parked row. The operator must add a reason to the discard:
/// with an empty one it is rejected.
pub(super) fn next(context: &Context<'_>, row: &str) -> Vec<String> {
    vec![
        context.command_for(&["edit"], row, &[]),
        context.command_for(&["unpark"], row, &[]),
        context.command_for(&["discard"], row, &["--reason", ""]),
    ]
}

/// Returns the parked rows, only those with this reason code if one is given.
pub(super) async fn parked(
    context: &Context<'_>,
    reason: Option<&str>,
) -> Result<Vec<(Candidate, Parked)>, Error> {
    let mut parked = Vec::new();
    let relay = context.parts.relay();
    let show = |row: StoredRow| {
        if let Some(mark) = row.parked
            && reason.is_none_or(|reason| reason == mark.code())
        {
            parked.push((row.candidate, mark));
        }
    };
    relay.survey(None, show).await.map_err(Error::aws)?;
    Ok(parked)
}

impl Row {
    fn of(candidate: &Candidate, mark: &Parked) -> Self {
        Self {
            row: candidate.key.to_string(),
            event_id: candidate.key.event_id().map(str::to_owned),
            event: candidate
                .row
                .as_ref()
                .ok()
                .map(|row| row.detail_type.clone()),
            reason: mark.reason.clone(),
            parked_at: mark.at,
        }
    }
}

impl Report for Listing {
    fn text(&self) -> Text {
        if self.rows.is_empty() {
            return "no row is parked".into();
        }
        let mut table = Table::new(["row", "event", "reason", "since"]);
        for row in &self.rows {
            table.add_row([
                row.row.clone(),
                row.event.clone().unwrap_or_else(|| "unknown".to_owned()),
                row.reason.clone(),
                age::age(row.parked_at),
            ]);
        }
        let mut text = table.text();
        text.add("for each row, one of these commands, here for the first:");
        for command in &self.next {
            text.append_indented(Text::line(command));
        }
        text
    }
}
