//! `pending`: the rows that are not published yet.

use std::collections::BinaryHeap;

use jiff::Timestamp;
use outbox::{
    Candidate,
    ports::{OutboxTable, StoredRow},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    age,
    arguments::Pending,
    context::{Context, Outcome},
    error::Error,
    holders::Holders,
    output::{Report, count},
    table::Table,
    text::Text,
};

/// The pending rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    /// The rows, the oldest first.
    rows: Vec<Row>,
    /// The number of rows, including those that are not listed.
    total: usize,
}

/// A pending row.
// Ordered by age, rows of unknown age first: the order of the fields matters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// When the event was committed, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    committed_at: Option<Timestamp>,
    /// Its name.
    row: String,
    /// The type of the event, or why the row cannot be read.
    event: String,
    /// The id of the event, if the row's key has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The parked row that holds it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_behind: Option<String>,
}

/// Reads the table, and returns its oldest pending rows.
pub(crate) async fn pending(context: &Context, options: &Pending) -> Result<Listing, Error> {
    let now = Timestamp::now();
    let mut oldest: BinaryHeap<Row> = BinaryHeap::new();
    let mut total = 0;
    let mut holders = Holders::of(context.deployment.order);
    let mut show = |stored: StoredRow| {
        let holder = holders.holder(&stored).map(|holder| holder.key.to_string());
        if stored.parked.is_some() {
            return;
        }
        let row = Row::of(&stored.candidate, holder);
        let is_wanted = options.older_than.is_none_or(|older_than| {
            let age = row.committed_at.map(|time| now.duration_since(time));
            age.is_none_or(|age| age > older_than)
        });
        if is_wanted {
            total += 1;
            // A heap of the oldest keeps memory bounded, however many rows are pending.
            oldest.push(row);
            if oldest.len() > options.limit {
                oldest.pop();
            }
        }
    };
    let relay = context.parts.relay();
    match &options.aggregate {
        None => {
            relay.survey(None, show).await.map_err(Error::aws)?;
        }
        Some(aggregate) => {
            let mut after = None;
            loop {
                let query = || relay.table().query(aggregate, after.as_ref(), None);
                let page = relay.patiently(query).await.map_err(Error::aws)?;
                page.rows.into_iter().for_each(&mut show);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    Ok(Listing {
        rows: oldest.into_sorted_vec(),
        total,
    })
}

impl Row {
    fn of(candidate: &Candidate, held_behind: Option<String>) -> Self {
        Self {
            committed_at: candidate.committed_at(),
            row: candidate.key.to_string(),
            event: match &candidate.row {
                Ok(row) => row.detail_type.clone(),
                Err(unreadable) => format!("cannot be read: {unreadable}"),
            },
            event_id: candidate.key.event_id().map(str::to_owned),
            held_behind,
        }
    }
}

impl Report for Listing {
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }

    fn text(&self) -> Text {
        if self.total == 0 {
            return "nothing is pending".into();
        }
        let mut table = Table::new(["row", "event", "age", "held behind"]);
        for row in &self.rows {
            let age = row.committed_at.map_or("unknown".to_owned(), age::age);
            let held_behind = row.held_behind.clone().unwrap_or_default();
            table.add_row([row.row.clone(), row.event.clone(), age, held_behind]);
        }
        let mut text = table.text();
        let more = self.total - self.rows.len();
        if more > 0 {
            let all = count(self.total, "row");
            text.add(format_args!("and {more} more: {all} in all"));
        }
        text
    }
}
