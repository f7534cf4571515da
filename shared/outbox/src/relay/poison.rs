//! Decides what is poison: a row whose content is at fault, so that the bus would never accept
//! its event. Poison is parked; everything else is retried.
//!
//! | fault | code | found |
//! |---|---|---|
//! | the row can't be read | `Undecodable` | here |
//! | the event exceeds a request to the bus | `TooLarge` | here |
//! | `detail` is no JSON object | `MalformedDetail` | here |
//! | the event has a source that this relay doesn't publish | `ForeignSource` | here, but parked only if the bus accepts others: the list may be wrong |
//! | the bus rejected the event for its content | the code of the bus | by the [`EventBus`], which returns [`EntryError::Content`] |
//! | the bus rejected a whole request for its content, and this event is alone in it | `RequestRefused` | by the [schedule](super::schedule) |
//!
//! Permissions, configuration and quotas are never a row's fault. And when many rows look like
//! poison, or a bus rejects one and accepts no other, the bus is more likely at fault than
//! the rows, so those are retried as well: [`MOST_POISONED`] and the table of
//! [`decision`](super::decision).
//!
//! [`EntryError::Content`]: crate::ports::EntryError::Content

use std::sync::Arc;

use crate::{
    Candidate, OutboxRow, RowKey, Unreadable,
    ports::{EventBus, Poison},
    relay::{Failure, sources::Sources},
};

/// How many rows of one call may be poison. With more of them, a common cause is more
/// likely than so many bad events, so the others fail and are retried.
pub(super) const MOST_POISONED: usize = 10;

/// A row that can never be published as it is.
pub(super) struct PoisonedRow {
    pub(super) key: RowKey,
    /// The row, if it can be read.
    pub(super) row: Option<Arc<OutboxRow>>,
    /// Why it can't be published.
    pub(super) poison: Poison,
}

/// A row that the bus may accept.
pub(super) struct Sendable {
    pub(super) row: Arc<OutboxRow>,
    /// The size of its entry, as the bus counts it.
    pub(super) bytes: usize,
    /// Another call has failed to publish it, for as long as it takes to be left.
    pub(super) failed_before: bool,
}

/// What to do with a row, as far as its content says.
pub(super) enum Triage {
    /// Send it to the bus.
    Send(Sendable),
    /// Park it: the bus would never accept it.
    Park(PoisonedRow),
    /// Park it once the bus has accepted others.
    Suspect(Arc<OutboxRow>, Poison),
    /// Retry it later: a newer relay may be able to publish it.
    Fail(RowKey, Failure),
}

/// Decides what to do with a row, without a call to any service.
pub(super) fn triage(candidate: Candidate, sources: &Sources, bus: &impl EventBus) -> Triage {
    let Candidate { key, row, .. } = candidate;
    let row = match row {
        Ok(row) => row,
        Err(Unreadable::Malformed(message)) => {
            return Triage::Park(PoisonedRow {
                key,
                row: None,
                poison: Poison::new("Undecodable", message),
            });
        }
        Err(newer @ Unreadable::NewerFormat(_)) => {
            return Triage::Fail(key, Failure::Unreadable(newer));
        }
    };
    if !sources.contain(&row.source) {
        let message = "this outbox does not publish events of its source";
        return Triage::Suspect(row, Poison::new("ForeignSource", message));
    }
    let bytes = bus.entry_bytes(&row);
    match fault(&row, bytes, bus.limits().bytes) {
        Some(poison) => Triage::Park(PoisonedRow {
            key,
            row: Some(row),
            poison,
        }),
        None => Triage::Send(Sendable {
            row,
            bytes,
            failed_before: false,
        }),
    }
}

/// Returns why the bus would reject the row, if it would. Such a row is not sent: one that
/// is too large makes the bus reject its whole request.
fn fault(row: &OutboxRow, bytes: usize, limit: usize) -> Option<Poison> {
    if bytes > limit {
        let message = format!("the event has {bytes} bytes, the bus takes {limit}");
        return Some(Poison::new("TooLarge", message));
    }
    if !row.detail.trim_start().starts_with('{') {
        return Some(Poison::new("MalformedDetail", "detail is no JSON object"));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&row.detail)
        .err()
        .map(|error| Poison::new("MalformedDetail", format!("detail is no JSON: {error}")))
}

/// Returns the poison of an event whose request the bus rejected for its content, although
/// nothing else was in it.
pub(super) fn rejected_alone(error: &str) -> Poison {
    Poison::new("RequestRefused", error)
}
