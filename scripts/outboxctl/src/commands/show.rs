//! `show`: one pending or parked row, whole.

use jiff::Timestamp;
use outbox::{
    OutboxRow, RowKey,
    ports::{OutboxTable, ParkedRows, StoredRow},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{content, find_row::find_row, parked};
use crate::{
    age,
    context::{Context, Outcome},
    error::Error,
    holders::Holders,
    json_layout::as_json,
    outbox_parts::OperatorRelay,
    output::Report,
    row_name::RowName,
    table::Fields,
    text::Text,
};

/// A row of the outbox.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    /// Its name.
    row: String,
    /// Its aggregate.
    aggregate_id: String,
    /// Its sequence number in the aggregate, unless its position is malformed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The id of the event, if the row's key has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// When the event was committed, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    committed_at: Option<Timestamp>,
    /// Why the row is parked, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was parked, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    parked_at: Option<Timestamp>,
    /// The parked row that holds it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_behind: Option<String>,
    #[serde(flatten)]
    stored: Stored,
    /// What the commands in `next` are for.
    #[serde(skip)]
    about_next: &'static str,
    #[serde(skip)]
    next: Vec<String>,
}

/// What can be known only of a row that can be read.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", untagged)]
enum Stored {
    Readable(Readable),
    Unreadable {
        /// Why the row can't be read.
        unreadable: String,
    },
}

/// A row that can be read.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Readable {
    /// The type of the event.
    event: String,
    /// Its source.
    source: String,
    /// The trace that the event belongs to, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    /// How often operators have edited the row.
    edits: u64,
    /// The event; as a string, if it isn't JSON.
    content: Box<RawValue>,
    /// The event, byte for byte.
    #[serde(skip)]
    detail: String,
}

/// Reads a row, and the rows before it in its aggregate, which may hold it.
///
/// # Errors
///
/// If there is no such row, or the table can't be read.
pub(crate) async fn show(context: &Context, name: &RowName) -> Result<Shown, Error> {
    let relay = &context.parts.relay();
    let key = &find_row(relay, name).await?;
    let read = || relay.table().read(key);
    let stored = relay.patiently(read).await.map_err(Error::aws)?;
    let stored = stored.ok_or_else(|| Error::NoSuchRow(name.to_string()))?;
    let held_behind = match &stored.parked {
        Some(_) => None,
        None => holder(context, relay, key).await?,
    };
    Ok(Shown::of(context, stored, held_behind))
}

/// Returns the parked row that holds a pending one.
async fn holder(
    context: &Context,
    relay: &OperatorRelay,
    key: &RowKey,
) -> Result<Option<String>, Error> {
    let mut holders = Holders::of(context.deployment.order);
    let mut after = None;
    loop {
        let query = || relay.table().query(&key.aggregate_id, after.as_ref(), None);
        let page = relay.patiently(query).await.map_err(Error::aws)?;
        for row in &page.rows {
            let holder = holders.holder(row).map(|holder| holder.key.to_string());
            if row.candidate.key == *key {
                return Ok(holder);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

impl Shown {
    fn of(context: &Context, stored: StoredRow, held_behind: Option<String>) -> Self {
        let StoredRow { candidate, parked } = stored;
        let committed_at = candidate.committed_at();
        let key = candidate.key;
        let row = key.to_string();
        let (about_next, next) = match (&parked, &held_behind) {
            (Some(_), _) => (
                "it is parked; decide with one of these commands:",
                parked::next(context, &row),
            ),
            (None, Some(holder)) => (
                "it is published once the row that holds it is settled:",
                vec![context.command_for(&["show"], holder, &[])],
            ),
            (None, None) => (
                "the relay or the sweeper publishes it; to publish it now:",
                vec![context.command_for(&["publish"], &row, &[])],
            ),
        };
        Self {
            row,
            sequence: key.sequence(),
            event_id: key.event_id().map(str::to_owned),
            aggregate_id: key.aggregate_id,
            committed_at,
            reason: parked.as_ref().map(|mark| mark.reason.clone()),
            parked_at: parked.map(|mark| mark.at),
            held_behind,
            stored: match candidate.row {
                Ok(row) => Stored::Readable(Readable::of(&row)),
                Err(unreadable) => Stored::Unreadable {
                    unreadable: unreadable.to_string(),
                },
            },
            about_next,
            next,
        }
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                fields.add(name, value);
            }
        };
        let sequence = self.sequence.map(|sequence| sequence.to_string());
        let committed = self.committed_at.map(ago);
        let parked = self.parked_at.map(ago);
        add("row", Some(&self.row));
        add("aggregate", Some(&self.aggregate_id));
        add("sequence", sequence.as_deref());
        if let Stored::Readable(readable) = &self.stored {
            add("event", Some(&readable.event));
            add("source", Some(&readable.source));
        }
        add("event id", self.event_id.as_deref());
        add("committed", committed.as_deref());
        add("parked", parked.as_deref());
        add("reason", self.reason.as_deref());
        add("held behind", self.held_behind.as_deref());
        match &self.stored {
            Stored::Readable(readable) => {
                add("trace", readable.trace_header.as_deref());
                add("edits", Some(&readable.edits.to_string()));
            }
            Stored::Unreadable { unreadable } => add("cannot be read", Some(unreadable)),
        }
        fields
    }
}

impl Readable {
    fn of(row: &OutboxRow) -> Self {
        Self {
            event: row.detail_type.clone(),
            source: row.source.clone(),
            trace_header: row.trace_header.clone(),
            edits: row.edits,
            content: as_json(&row.detail),
            detail: row.detail.clone(),
        }
    }
}

/// Returns a time and how long ago it was.
fn ago(time: Timestamp) -> String {
    format!("{time:.0}, {} ago", age::age(time))
}

impl Report for Shown {
    /// A held row needs attention, too: that of the row that holds it.
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.reason.is_none() && self.held_behind.is_none())
    }

    fn text(&self) -> Text {
        let mut text = self.fields().text();
        if let Stored::Readable(readable) = &self.stored {
            text.add("content:");
            text.append_indented(content::lines(&readable.detail));
        }
        text.add(self.about_next);
        for command in &self.next {
            text.add_command(command);
        }
        text
    }
}
