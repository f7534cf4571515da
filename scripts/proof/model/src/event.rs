use enumset::{EnumSet, EnumSetType};

/// The events, in the order of the stream. The first and the last are of aggregate A.
#[derive(Debug, PartialOrd, Ord, Hash, EnumSetType)]
#[expect(missing_docs, reason = "the names are the aggregate and the sequence")]
pub enum Event {
    A1,
    B1,
    A2,
}

/// Some of the events.
pub(crate) type Events = EnumSet<Event>;

/// The events this is true of.
pub(crate) fn events_that(are: impl Fn(Event) -> bool) -> Events {
    let all = Events::all().iter();
    all.filter(|event| are(*event)).collect()
}

/// All that is in one of these sets.
pub(crate) fn union(sets: impl IntoIterator<Item = Events>) -> Events {
    sets.into_iter().fold(Events::empty(), |all, set| all | set)
}

impl Event {
    /// Whether it comes before another event of its aggregate.
    fn precedes(self, other: Self) -> bool {
        (self, other) == (Self::A1, Self::A2)
    }

    /// What comes before it in its aggregate.
    pub(crate) fn predecessors(self) -> Events {
        events_that(|other| other.precedes(self))
    }

    /// What comes after it in its aggregate.
    pub(crate) fn successors(self) -> Events {
        events_that(|other| self.precedes(other))
    }

    /// What comes with it and after it in the stream.
    pub(crate) fn and_behind(self) -> Events {
        events_that(|other| other >= self)
    }
}
