use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    OutboxRow, RowKey,
    ports::{BusLimits, Poison},
    relay::Failure,
};

/// A record may have been seen before once it is this old.
const YOUNG: SignedDuration = SignedDuration::from_secs(2);

/// How far DynamoDB's clock may be ahead of ours before we trust neither.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(1);

/// A row that came to the relay to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Which row.
    pub key: RowKey,
    /// The row, or why it cannot be read.
    pub row: Result<Arc<OutboxRow>, Unreadable>,
    /// When the row was written, by DynamoDB's clock in whole seconds. Without
    /// it the row is looked up before it is published.
    pub written_at: Option<Timestamp>,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is written in a newer format; a newer relay can read it.
    #[error("row format {0} is newer than this relay")]
    NewerFormat(u64),
    /// It is not a row of the outbox in the format it claims.
    #[error("{0}")]
    Malformed(String),
}

/// What the relay can say of a row without asking anybody.
pub(crate) enum Triage {
    Publish(Arc<OutboxRow>),
    Poison(Poison),
    Fail(Failure),
}

impl Arrival {
    /// When the event was committed; of a row that cannot be read, as its key
    /// tells.
    pub fn committed_at(&self) -> Option<Timestamp> {
        match &self.row {
            Ok(row) => Some(row.committed_at),
            Err(_) => self.key.event_time(),
        }
    }

    /// Whether the relay may have had this record before. Creation times have
    /// whole seconds and clocks differ: when unsure, it may.
    pub(crate) fn may_have_been_seen(&self, now: Timestamp) -> bool {
        let Some(written_at) = self.written_at else {
            return true;
        };
        let age = now.duration_since(written_at);
        age >= YOUNG || age < -CLOCK_SKEW
    }

    /// From when on a repetition of this record will be looked up, whichever
    /// process gets it.
    pub(crate) fn looked_up_from(&self) -> Option<Timestamp> {
        self.written_at?.checked_add(YOUNG + CLOCK_SKEW).ok()
    }

    /// Whether this is the row as it is after so many edits. What the table shows
    /// and nobody can read is taken for it: it is to be set aside again.
    pub(crate) fn shows_edit(&self, edits: u64) -> bool {
        match &self.row {
            Ok(row) => row.edits == edits,
            Err(_) => self.written_at.is_none(),
        }
    }

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

/// What the bus would refuse, seen without asking it.
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
    fn a_record_is_young_only_when_that_is_sure() {
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
