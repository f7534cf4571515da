//! Whether an event is the next of its aggregate.

use std::ops::RangeInclusive;

/// Whether an event is the next of its aggregate, late, or behind a gap. For consumers that
/// receive all events of an aggregate.
///
/// Store the highest handled sequence with your view of the aggregate, and write both
/// together. A consumer that only wants events in sequence has it easier with
/// [`Inbox::in_order`](crate::inbox::Inbox::in_order).
///
/// ```
/// use outbox::inbox::Continuity;
///
/// assert_eq!(Continuity::of(4, 3), Continuity::Next);
/// assert_eq!(Continuity::of(6, 3), Continuity::Gap { missing: 4..=5 });
/// assert_eq!(Continuity::of(2, 3), Continuity::Late);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Continuity {
    /// It follows the last handled event.
    Next,
    /// Events before it were not handled yet.
    Gap {
        /// The sequences of those events.
        missing: RangeInclusive<u64>,
    },
    /// This event, or a later one, was handled before.
    Late,
}

impl Continuity {
    /// Compares an event's `sequence` with the highest one handled so far, 0 if
    /// none was. See [`Continuity`] for an example.
    pub fn of(sequence: u64, last_handled: u64) -> Self {
        match sequence.checked_sub(last_handled) {
            None | Some(0) => Self::Late,
            Some(1) => Self::Next,
            Some(_) => Self::Gap {
                missing: last_handled + 1..=sequence - 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_next_or_late_or_leaves_a_gap() {
        for (sequence, last_handled, continuity) in [
            (1, 0, Continuity::Next),
            (0, 0, Continuity::Late),
            (2, 0, Continuity::Gap { missing: 1..=1 }),
            (7, 7, Continuity::Late),
            (u64::MAX, u64::MAX - 1, Continuity::Next),
            (1, u64::MAX, Continuity::Late),
        ] {
            assert_eq!(Continuity::of(sequence, last_handled), continuity);
        }
    }
}
