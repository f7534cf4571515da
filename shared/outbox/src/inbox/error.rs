//! Why an event was not handled, and why an inbox can't be created.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};

use crate::CommitError;

/// Why an event was not handled, or may not have been. A retry is always safe.
///
/// ```
/// use outbox::inbox::OnceError;
///
/// /// Logs why an event was not handled. Its message stays in the queue in any case.
/// fn log(error: &OnceError) {
///     if error.needs_operator() {
///         eprintln!("ERROR {error}");
///     } else {
///         eprintln!("WARN {error}, will be retried");
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError {
    /// The event is so old that its record may have expired, so it is unknown whether it was
    /// handled. Leave it to a dead-letter queue, where the operator decides.
    #[error(
        "event {id} from {event_source} ({time}) is older than {} days, so it is unknown whether \
         {consumer} has handled it",
        .remembered.as_hours() / 24
    )]
    TooOld {
        /// The event's id.
        id: String,
        /// The event's source.
        event_source: String,
        /// When it was committed.
        time: Timestamp,
        /// The name of the consumer.
        consumer: String,
        /// The age up to which events are accepted.
        remembered: SignedDuration,
    },
    /// The event has an empty id or source, so it can't be distinguished from others.
    #[error("the event has an empty {attribute}, so it can't be distinguished from others")]
    Unnamed {
        /// The empty attribute.
        attribute: &'static str,
    },
    /// Another event with the same source and id, but another type or time, was handled
    /// before. The producer has to use unique ids.
    #[error("a different event from {event_source} with the id {id} was handled before")]
    SameName {
        /// The id of both.
        id: String,
        /// The source of both.
        event_source: String,
    },
    /// The event's source and id don't fit into a key of the table; or, if order is required, its
    /// source and subject.
    #[error(
        "source and id of the event make a key of {bytes} bytes, but at most {most} are allowed"
    )]
    NameTooLong {
        /// How long the key would be.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The inbox requires order, and events before this one were not handled yet. A retry
    /// handles it once they were. Leave the message in its queue.
    #[error(
        "event {sequence} of {subject} from {event_source} waits for {}, which {consumer} has not handled{}",
        names(.missing), if *.is_overdue { OVERDUE } else { "" }
    )]
    Gap {
        /// The aggregate.
        subject: String,
        /// The event's source.
        event_source: String,
        /// The name of the consumer.
        consumer: String,
        /// The event's position in the aggregate's history.
        sequence: u64,
        /// The sequences of the events before it that were not handled.
        missing: RangeInclusive<u64>,
        /// Whether the event was committed longer ago than the inbox's
        /// [limit](crate::inbox::Inbox::with_gap_limit), so that the missing events may never
        /// arrive. Leave the message to a dead-letter queue, where the operator decides.
        is_overdue: bool,
    },
    /// The inbox requires order, and a later event was handled, but there is no record of this
    /// one: an operator has [skipped](crate::inbox::Inbox::skip_through) it, or the producer has
    /// used its sequence twice, as after the restore of a table. Leave the message to a
    /// dead-letter queue, where the operator decides.
    #[error(
        "event {sequence} of {subject} from {event_source} is late: {consumer} has got to event \
         {last_handled}, and not handled this one. It was skipped by an operator, or its sequence \
         was used twice"
    )]
    Late {
        /// The aggregate.
        subject: String,
        /// The event's source.
        event_source: String,
        /// The name of the consumer.
        consumer: String,
        /// The event's position in the aggregate's history.
        sequence: u64,
        /// The highest sequence that counts as handled.
        last_handled: u64,
    },
    /// The inbox requires order, and the event lacks what says where it belongs: a `subject`, or
    /// a `sequence` from 1. Leave the message to a dead-letter queue.
    #[error("the event has no {attribute}, so its place in the order is unknown")]
    Unordered {
        /// The missing attribute.
        attribute: &'static str,
    },
    /// The transaction was not committed, or may not have been. If a condition of the
    /// consumer's own did not hold, read its items again and decide again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl OnceError {
    /// Returns whether an operator has to decide about the message. Otherwise a retry may
    /// succeed. See [`OnceError`] for an example.
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::Commit(_) => false,
            Self::Gap { is_overdue, .. } => *is_overdue,
            Self::TooOld { .. }
            | Self::Unnamed { .. }
            | Self::SameName { .. }
            | Self::NameTooLong { .. }
            | Self::Late { .. }
            | Self::Unordered { .. } => true,
        }
    }
}

/// What an operator can do about a gap that has not closed in time.
const OVERDUE: &str = " in time: an operator decides whether to deliver them, or to skip them";

fn names(missing: &RangeInclusive<u64>) -> String {
    let (first, last) = (missing.start(), missing.end());
    if first == last {
        format!("event {first}")
    } else {
        format!("events {first} to {last}")
    }
}

/// Invalid settings of an inbox; [`Inbox::new`](super::Inbox::new) and
/// [`Inbox::with_retention`](super::Inbox::with_retention) return it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidInbox {
    /// The name of the consumer can't be part of a key.
    #[error("{name:?} is not a valid name of a consumer: it must have 1 to 128 bytes and no '#'")]
    Consumer {
        /// The name.
        name: String,
    },
    /// Records must be kept for longer than clocks may differ.
    #[error("records must be kept for at least 48 hours, not {} hours", .retention.as_hours())]
    Retention {
        /// The rejected retention.
        retention: SignedDuration,
    },
}
