//! Decides what becomes of an event that the bus did not accept: it waits, it is left to the
//! sweeper, or its row is parked.
//!
//! A record that waits blocks its shard: Lambda retries it before it reads on. That is right
//! while the bus or the configuration is at fault, because every other event would fail as
//! well, and waiting keeps the order. It is wrong while the bus accepts others. So nearly
//! every decision depends on that:
//!
//! | failure | others are accepted | nothing is accepted |
//! |---|---|---|
//! | The row can't be published as it is, and the relay sees it itself. | parked | parked |
//! | The bus rejects the event for its content. | parked | waits; the sweeper parks one an hour, the oldest |
//! | More than ten events of a call are poison. | left to the sweeper | waits |
//! | The bus rejects the event for now, for at least ten seconds. | left to the sweeper | waits |
//! | Permissions or configuration are at fault for this event only. | left to the sweeper | waits |
//! | The row has a newer format. | left to the sweeper | waits |
//! | The dead letter can't be sent, or the row can't be parked after it. | left to the sweeper | left to the sweeper |
//! | The events before it can't be read for now. | left to the sweeper | waits |
//! | The event is held back behind another that waits or is left. | as the other | as the other |
//! | The event is held behind a parked one. | done: held | done: held |
//! | Nothing can be published or deleted at all. | waits | waits |
//! | The row could not be looked up, or the time was over. | waits | waits |
//!
//! "Others are accepted" means by the same bus in the same call. For events that are rejected
//! for now it means: within the ten seconds before an attempt that failed again
//! ([`Attempt`](super::schedule)). If only failing events are left, the relay tries a few others
//! that wait in the table ([`waiting_rows`](super::waiting_rows)).
//!
//! What is left to the sweeper stays pending in the table. For the sweeper itself, leaving
//! means that its next run tries again.

use jiff::{SignedDuration, Timestamp};

use crate::relay::Failure;

/// How often a row is parked without proof that the bus isn't at fault, and how old its event
/// is at least. On a quiet outbox nothing else may ever be published, and the event would
/// stay pending for ever. If the bus is at fault after all, so few rows do little harm, and
/// their dead letters show the fault.
const PARKED_WITHOUT_PROOF_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What becomes of an event that the bus did not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Lambda retries the record, and its shard waits.
    Wait,
    /// The record is done; the row stays in the table for the sweeper.
    Leave,
    /// The row is parked, with a dead letter.
    Park,
}

/// Decides by the table of this module. `others_accepted`: the bus accepted another event in
/// the same call.
pub(super) fn decide(failure: &Failure, others_accepted: bool) -> Decision {
    match failure {
        Failure::Suspected(_) if others_accepted => Decision::Park,
        Failure::TooManyPoisoned(_) | Failure::Configuration(_) | Failure::Unreadable(_)
            if others_accepted =>
        {
            Decision::Leave
        }
        Failure::Predecessors(error) if others_accepted && error.is_transient() => Decision::Leave,
        // The schedule knows that others were accepted meanwhile. And poison is proven before
        // its letter is sent, so the bus is not at fault.
        Failure::RejectedAmongOthers(_) | Failure::DeadLetter(_) | Failure::Park(_) => {
            Decision::Leave
        }
        _ => Decision::Wait,
    }
}

/// Returns whether a row that the bus rejects for its content may be parked although the bus
/// accepts nothing else. `last_parked`: when a row of the table was last parked.
pub(crate) fn may_park_without_proof(
    committed_at: Timestamp,
    last_parked: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let is_long_ago = |at| now.duration_since(at) >= PARKED_WITHOUT_PROOF_EVERY;
    is_long_ago(committed_at) && last_parked.is_none_or(is_long_ago)
}

/// Returns whether the decision would be another if the bus accepted other events.
pub(super) fn depends_on_others(failure: &Failure) -> bool {
    decide(failure, true) != decide(failure, false)
}

#[cfg(test)]
mod tests {
    use super::{Decision::*, *};
    use crate::{
        RowKey, Unreadable,
        ports::{CallError, Poison},
        relay::{BusError, Halt},
    };

    #[test]
    fn every_failure_has_its_row_in_the_table() {
        let poison = || Poison::new("MalformedDetail", "");
        let error = || CallError::Transient("throttled".to_owned());
        let denied = || CallError::Configuration("denied".to_owned());
        let key = RowKey {
            aggregate_id: "a".to_owned(),
            position: "1".to_owned(),
        };
        for (failure, others_accepted, nothing_accepted) in [
            (Failure::Suspected(poison()), Park, Wait),
            (Failure::TooManyPoisoned(poison()), Leave, Wait),
            (Failure::RejectedAmongOthers(String::new()), Leave, Leave),
            (Failure::NotAccepted(String::new()), Wait, Wait),
            (Failure::Unanswered, Wait, Wait),
            (Failure::Configuration(String::new()), Leave, Wait),
            (Failure::Unreadable(Unreadable::NewerFormat(2)), Leave, Wait),
            (Failure::DeadLetter(error()), Leave, Leave),
            (Failure::Park(error()), Leave, Leave),
            (Failure::Halted(Halt::Bus(BusError::Missing)), Wait, Wait),
            (Failure::Halted(Halt::Put(error())), Wait, Wait),
            (Failure::Halted(Halt::Delete(error())), Wait, Wait),
            (Failure::LookUp(error()), Wait, Wait),
            (Failure::Predecessors(error()), Leave, Wait),
            (Failure::Predecessors(denied()), Wait, Wait),
            (Failure::OutOfTime, Wait, Wait),
            (Failure::Edited, Wait, Wait),
            (Failure::Undeleted, Wait, Wait),
            // `Outcome::leave` decides by the event that holds it back.
            (Failure::HeldBack(key), Wait, Wait),
        ] {
            assert_eq!(decide(&failure, true), others_accepted, "{failure}");
            assert_eq!(decide(&failure, false), nothing_accepted, "{failure}");
            let differs = others_accepted != nothing_accepted;
            assert_eq!(depends_on_others(&failure), differs, "{failure}");
        }
    }

    #[test]
    fn a_row_is_parked_without_proof_once_an_hour() {
        let now: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
        let minutes_ago = |minutes| now - SignedDuration::from_mins(minutes);
        for (committed, last_parked, may_park) in [
            (60, None, true),
            (59, None, false),
            (600, Some(60), true),
            (600, Some(59), false),
            (59, Some(600), false),
        ] {
            let last_parked = last_parked.map(minutes_ago);
            let may = may_park_without_proof(minutes_ago(committed), last_parked, now);
            assert_eq!(may, may_park, "{committed} minutes");
        }
    }
}
