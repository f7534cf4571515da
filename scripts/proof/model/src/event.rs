//! The events, and sets of them.

use enumset::{EnumSet, EnumSetType, enum_set};

/// The events, in the order of the stream. The first and the last are of aggregate A.
#[derive(Debug, PartialOrd, Ord, Hash, EnumSetType)]
#[expect(missing_docs, reason = "the names are the aggregate and the sequence")]
pub enum Event {
    A1,
    B1,
    A2,
}

/// A set of events.
pub(crate) type Events = EnumSet<Event>;

/// The events that the writer has committed which publishes at once. The other is by another
/// process.
pub(crate) const OF_WRITER: Events = enum_set!(Event::B1 | Event::A2);

/// Returns the events for which the condition is true.
pub(crate) fn events_where(condition: impl Fn(Event) -> bool) -> Events {
    let all = Events::all().iter();
    all.filter(|event| condition(*event)).collect()
}

/// Returns the union of these sets.
pub(crate) fn union(sets: impl IntoIterator<Item = Events>) -> Events {
    sets.into_iter().fold(Events::empty(), |all, set| all | set)
}

impl Event {
    /// Returns whether it is an earlier event of the other event's aggregate.
    fn precedes(self, other: Self) -> bool {
        (self, other) == (Self::A1, Self::A2)
    }

    /// Returns the earlier events of its aggregate.
    pub(crate) fn predecessors(self) -> Events {
        events_where(|other| other.precedes(self))
    }

    /// Returns the later events of its aggregate.
    pub(crate) fn successors(self) -> Events {
        events_where(|other| self.precedes(other))
    }

    /// Returns the event and all later ones of the stream.
    pub(crate) fn and_later(self) -> Events {
        events_where(|other| other >= self)
    }
}
