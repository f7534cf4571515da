//! The search for events in the outbox: one page at a time, and so many rows of the table at most.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{OutboxTable, Page, Segment, StoredRow},
};

use crate::{context::Context, error::Error, holders::Holders};

/// How many events a page has.
pub(super) const PAGE: usize = 50;

/// How many rows are read for a page before it ends. A request reads 1 MB of the table at most:
/// small rows end sooner than this.
const MOST_READ: usize = 5_000;

/// How many requests are sent for a page.
const MOST_REQUESTS: usize = 4;

/// What is searched for. Empty fields match everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    pub(super) aggregate: String,
    pub(super) event: String,
    pub(super) event_type: String,
    pub(super) trace: String,
    pub(super) state: Option<WantedState>,
    /// Where the page before has ended.
    pub(super) after: Option<RowKey>,
}

/// A state of rows that is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantedState {
    Pending,
    Held,
    Parked,
}

/// A page of events.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) rows: Vec<FoundRow>,
    /// How many rows of the table were read.
    pub(super) read: usize,
    /// Where the next page begins; `None` at the end.
    pub(super) next: Option<RowKey>,
}

/// A row of the outbox.
#[derive(Debug)]
pub(super) struct FoundRow {
    pub(super) stored: StoredRow,
    /// The parked row that holds it.
    pub(super) held_behind: Option<RowKey>,
}

impl Search {
    /// Reads the next page.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub(super) async fn page(&self, context: &Context) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut holders = self.holders_before(context).await?;
        let mut after = self.after.clone();
        for _ in 0..MOST_REQUESTS {
            let Page { rows, next } = self.read(context, after.as_ref()).await?;
            for stored in rows {
                found.read += 1;
                let held_behind = holders.holder(&stored).map(|holder| holder.key.clone());
                let row = FoundRow {
                    stored,
                    held_behind,
                };
                if !self.wants(&row) {
                    continue;
                }
                let key = row.stored.candidate.key.clone();
                found.rows.push(row);
                if found.rows.len() == PAGE {
                    found.next = Some(key);
                    return Ok(found);
                }
            }
            found.next.clone_from(&next);
            if next.is_none() || found.read >= MOST_READ {
                break;
            }
            after = next;
        }
        Ok(found)
    }

    async fn read(&self, context: &Context, after: Option<&RowKey>) -> Result<Page, Error> {
        let relay = context.parts.relay();
        let table = relay.table();
        let read = if self.aggregate.is_empty() {
            let whole = Segment { index: 0, of: 1 };
            relay.patiently(|| table.scan(whole, after)).await
        } else {
            let query = || table.query(&self.aggregate, after, None);
            relay.patiently(query).await
        };
        read.map_err(Error::aws)
    }

    /// Returns what holds rows of the aggregate in which the page before has ended.
    async fn holders_before(&self, context: &Context) -> Result<Holders, Error> {
        let mut holders = Holders::of(context.deployment.order);
        if let Some(after) = &self.after {
            let relay = context.parts.relay();
            let query = || relay.table().query(&after.aggregate_id, None, Some(after));
            let before = relay.patiently(query).await.map_err(Error::aws)?;
            for row in &before.rows {
                holders.holder(row);
            }
        }
        Ok(holders)
    }

    fn wants(&self, row: &FoundRow) -> bool {
        let key = &row.stored.candidate.key;
        let content = row.stored.candidate.row.as_ref().ok();
        let is_type = || content.is_some_and(|row| row.detail_type == self.event_type);
        let is_trace = || {
            let header = content.and_then(|row| row.trace_header.as_deref());
            header.is_some_and(|header| is_trace(header, &self.trace))
        };
        self.state.is_none_or(|state| row.state() == state)
            && (self.event.is_empty() || key.event_id() == Some(&self.event))
            && (self.event_type.is_empty() || is_type())
            && (self.trace.is_empty() || is_trace())
    }
}

impl FoundRow {
    pub(super) fn state(&self) -> WantedState {
        match (&self.stored.parked, &self.held_behind) {
            (Some(_), _) => WantedState::Parked,
            (None, Some(_)) => WantedState::Held,
            (None, None) => WantedState::Pending,
        }
    }

    pub(super) fn committed_at(&self) -> Option<Timestamp> {
        self.stored.candidate.committed_at()
    }
}

/// Returns whether an X-Ray header has this trace id, written as X-Ray or as W3C writes it.
fn is_trace(header: &str, wanted: &str) -> bool {
    trace_id(header).is_some_and(|id| digits(id) == digits(wanted))
}

/// Returns the id of the trace in an X-Ray header: `Root=1-674a1f0c-5b1e2c7f9d30a4488e6b1f02;...`.
pub(super) fn trace_id(header: &str) -> Option<&str> {
    let mut pairs = header.split(';');
    pairs.find_map(|pair| pair.trim().strip_prefix("Root="))
}

/// Returns the 32 digits of a trace id. X-Ray writes its version before them, and hyphens.
fn digits(id: &str) -> String {
    let id = id.trim();
    let id = id.strip_prefix("1-").unwrap_or(id);
    id.replace('-', "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_found_by_both_ways_to_write_its_id() {
        let header = "Root=1-674a1f0c-5b1e2c7f9d30a4488e6b1f02;Parent=53995c3f42cd8ad8;Sampled=1";
        for id in [
            "1-674a1f0c-5b1e2c7f9d30a4488e6b1f02",
            "674A1F0C5b1e2c7f9d30a4488e6b1f02 ",
        ] {
            assert!(is_trace(header, id), "{id}");
        }
        for id in ["", "1-674a1f0c", "53995c3f42cd8ad8"] {
            assert!(!is_trace(header, id), "{id}");
        }
        assert_eq!(trace_id("Self=1"), None);
    }
}
