//! Whether an event may be handled before others of its aggregate.

use jiff::{SignedDuration, Timestamp};

use crate::{
    CloudEvent, CommitError,
    inbox::{continuity::Continuity, error::OnceError, progress::last_handled},
};

/// The requirement that the events of an aggregate are handled in sequence.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// How long after its commit an event may wait for those before it until an operator has to
    /// decide.
    pub(super) gap_limit: SignedDuration,
}

impl Order {
    /// The default. An event that the stream left behind is published by the sweeper, 15 to 20
    /// minutes after its commit, and may then need some attempts in the consumer. Until then a
    /// gap is nothing for an operator.
    pub(super) const GAP_LIMIT: SignedDuration = SignedDuration::from_mins(30);

    /// Returns how an event violates the order, if the transaction failed for that reason.
    pub(super) fn violation(
        &self,
        consumer: &str,
        event: &CloudEvent,
        error: &CommitError,
        now: Timestamp,
    ) -> Option<OnceError> {
        let last_handled = last_handled(error)?;
        // The event has both, or no transaction would have been sent.
        let (sequence, subject) = (event.sequence?, event.subject.clone()?);
        let (event_source, consumer) = (event.source.clone(), consumer.to_owned());
        match Continuity::of(sequence, last_handled) {
            Continuity::Gap { missing } => Some(OnceError::Gap {
                subject,
                event_source,
                consumer,
                sequence,
                missing,
                is_overdue: now.duration_since(event.time) > self.gap_limit,
            }),
            // Had it been handled, there would be a record of it: records outlast the age up
            // to which events are accepted.
            Continuity::Late => Some(OnceError::Skipped {
                subject,
                event_source,
                consumer,
                sequence,
                last_handled,
            }),
            // Its condition would have held.
            Continuity::Next => None,
        }
    }
}
