//! Whether a record may be a redelivery: one whose event a relay has published before.
//!
//! Lambda redelivers records after every failure. The relay recognises an event that is
//! published by its missing row, but a look-up costs a consistent read and a round trip, and
//! nearly all records are new. So only records of a certain age are looked up, and a response
//! that causes a redelivery waits until the records have that age.

use jiff::{SignedDuration, Timestamp};

use crate::Candidate;

/// A record of this age may be a redelivery, so its row is looked up before it is published.
///
/// A new record usually arrives within a second and looks up to a second older than it is,
/// since creation times have whole seconds. So with less than 2 s new records would be looked
/// up, too; with more, failures would wait longer for nothing.
const YOUNG: SignedDuration = SignedDuration::from_secs(2);

/// How far DynamoDB's clock may be ahead of ours. Beyond that the age of a record says
/// nothing, so the row is looked up.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(1);

/// Returns whether a relay may have published this row before. If in doubt it may: creation
/// times have whole seconds, and clocks differ.
pub(crate) fn may_be_redelivered(candidate: &Candidate, now: Timestamp) -> bool {
    let Some(written_at) = candidate.written_at else {
        return true;
    };
    let age = now.duration_since(written_at);
    age >= YOUNG || age < -CLOCK_SKEW
}

/// Returns from when on every relay looks this row up.
pub(crate) fn looked_up_from(candidate: &Candidate) -> Option<Timestamp> {
    // Another process may get the redelivery, and its clock may be behind ours.
    candidate.written_at?.checked_add(YOUNG + CLOCK_SKEW).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RowKey, Unreadable};

    /// Returns a row that was written at this time.
    fn written_at(time: Timestamp) -> Candidate {
        Candidate {
            key: RowKey {
                aggregate_id: "a".into(),
                position: "1".into(),
            },
            row: Err(Unreadable::NewerFormat(2)),
            written_at: Some(time),
        }
    }

    #[test]
    fn a_record_is_new_only_if_that_is_certain() {
        let time: Timestamp = "2026-11-24T09:00:10Z".parse().unwrap();
        let candidate = written_at(time);
        for (now, seen) in [
            ("2026-11-24T09:00:08.9Z", true),
            ("2026-11-24T09:00:09Z", false),
            ("2026-11-24T09:00:10.5Z", false),
            ("2026-11-24T09:00:11.999Z", false),
            ("2026-11-24T09:00:12Z", true),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(may_be_redelivered(&candidate, now), seen, "{now}");
        }
        let unknown = Candidate {
            written_at: None,
            ..candidate
        };
        assert!(may_be_redelivered(&unknown, time));
    }

    #[test]
    fn a_clock_that_is_behind_looks_a_row_up_too() {
        let time: Timestamp = "2026-11-24T09:00:10Z".parse().unwrap();
        let candidate = written_at(time);
        let from = looked_up_from(&candidate).unwrap();
        for behind in [SignedDuration::ZERO, CLOCK_SKEW] {
            assert!(may_be_redelivered(&candidate, from - behind));
        }
    }
}
