//! A row on its way through the relay, before anything is known of it: whether it has to be
//! looked up, and whether it can be published at all.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    OutboxRow, RowKey,
    ports::{BusLimits, Poison},
    relay::Failure,
};

/// A record of this age may be a retry, so its row is looked up before it is published. A
/// younger one is published without a look-up, which saves nearly every event a
/// consistent read and a round trip. A new record usually arrives within a second and
/// looks up to a second older than it is, since creation times have whole seconds. The
/// stream handler delays its response to a failure until a retry is older than this.
const YOUNG: SignedDuration = SignedDuration::from_secs(2);

/// How far DynamoDB's clock may be ahead of ours. Beyond that the age of a record says
/// nothing, so the row is looked up.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(1);

/// A row that was passed to the relay to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Which row.
    pub key: RowKey,
    /// The row, or why it cannot be read.
    pub row: Result<Arc<OutboxRow>, Unreadable>,
    /// When the row was written, by DynamoDB's clock in whole seconds. `None` if unknown;
    /// the row is then looked up before it is published.
    pub written_at: Option<Timestamp>,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The row has a newer format; a newer relay can read it.
    #[error("row format {0} is newer than this relay")]
    NewerFormat(u64),
    /// The row doesn't have the format that it claims to have.
    #[error("{0}")]
    Malformed(String),
}

/// What to do with a row, as far as its content says.
pub(crate) enum Triage {
    /// Send it to the bus.
    Publish(Arc<OutboxRow>),
    /// Park it: the bus would never accept it.
    Poison(Poison),
    /// Retry it later: a newer relay may be able to publish it.
    Fail(Failure),
}

impl Arrival {
    /// Returns when the event was committed. If the row can't be read, the time comes from
    /// the event id in its key.
    pub fn committed_at(&self) -> Option<Timestamp> {
        match &self.row {
            Ok(row) => Some(row.committed_at),
            Err(_) => self.key.event_time(),
        }
    }

    /// Returns whether a relay may have published this record before. If in doubt it may:
    /// creation times have whole seconds, and clocks differ.
    pub(crate) fn may_have_been_seen(&self, now: Timestamp) -> bool {
        let Some(written_at) = self.written_at else {
            return true;
        };
        let age = now.duration_since(written_at);
        age >= YOUNG || age < -CLOCK_SKEW
    }

    /// Returns when a retry of this record is looked up for certain.
    pub(crate) fn looked_up_from(&self) -> Option<Timestamp> {
        // Another process may get the retry, and its clock may be behind ours.
        self.written_at?.checked_add(YOUNG + CLOCK_SKEW).ok()
    }

    /// Returns whether this is the row after so many edits.
    pub(crate) fn shows_edit(&self, edits: u64) -> bool {
        match &self.row {
            Ok(row) => row.edits == edits,
            // Its count can't be read. If it was read from the table rather than from the
            // stream, it is the current row, and is parked again.
            Err(_) => self.written_at.is_none(),
        }
    }

    /// Decides what to do with the row, without a call to any service.
    pub(crate) fn triage(&self, limits: BusLimits) -> Triage {
        match &self.row {
            Ok(row) => match fault(row, limits) {
                Some(poison) => Triage::Poison(poison),
                None => Triage::Publish(Arc::clone(row)),
            },
            Err(Unreadable::Malformed(message)) => {
                Triage::Poison(Poison::new("Undecodable", message))
            }
            Err(newer @ Unreadable::NewerFormat(_)) => {
                Triage::Fail(Failure::Unreadable(newer.to_string()))
            }
        }
    }
}

/// Returns why the bus would reject the row, if it would. Such a row is not sent: one that
/// is too large makes the bus reject its whole request.
fn fault(row: &OutboxRow, limits: BusLimits) -> Option<Poison> {
    let bytes = row.entry_bytes();
    if bytes > limits.bytes {
        let message = format!(
            "the event has {bytes} bytes, the bus takes {}",
            limits.bytes
        );
        return Some(Poison::new("TooLarge", message));
    }
    if !row.detail.trim_start().starts_with('{') {
        return Some(Poison::new("MalformedDetail", "detail is no JSON object"));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&row.detail)
        .err()
        .map(|error| Poison::new("MalformedDetail", format!("detail is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_young_only_if_that_is_certain() {
        let written_at: Timestamp = "2026-11-24T09:00:10Z".parse().unwrap();
        let arrival = Arrival {
            key: RowKey {
                aggregate_id: "a".into(),
                position: "1".into(),
            },
            row: Err(Unreadable::NewerFormat(2)),
            written_at: Some(written_at),
        };
        for (now, seen) in [
            ("2026-11-24T09:00:08.9Z", true),
            ("2026-11-24T09:00:09Z", false),
            ("2026-11-24T09:00:10.5Z", false),
            ("2026-11-24T09:00:11.999Z", false),
            ("2026-11-24T09:00:12Z", true),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(arrival.may_have_been_seen(now), seen, "{now}");
        }
        let unknown = Arrival {
            written_at: None,
            ..arrival
        };
        assert!(unknown.may_have_been_seen(written_at));
    }
}
