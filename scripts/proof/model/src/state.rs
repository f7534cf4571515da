use std::collections::BTreeSet;

use crate::{
    event::{Event, Events, events_that, union},
    mapping::Mapping,
    relay::Run,
};

/// Everything there is, between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// How much may still go wrong: every path ends because of it.
    pub(crate) troubles: u8,
    /// The outbox table, by event.
    pub(crate) rows: [Row; 3],
    /// Rows the bus refuses for their content, as it is now.
    pub(crate) poison: Events,
    /// Rows a person has edited.
    pub(crate) edited: Events,
    /// How often the bus took each event: never, once, more often.
    pub(crate) taken: [u8; 3],
    /// The dead-letter queue. Whoever settles a message settles its like.
    pub(crate) queue: BTreeSet<Message>,
    pub(crate) mapping: Mapping,
    /// Those that publish, by [`Publisher`].
    pub(crate) processes: [Process; 3],
    /// Seconds have gone by: records that come again are looked up, and others than
    /// the stream may have begun.
    pub(crate) is_old: bool,
    pub(crate) history: History,
}

/// An event's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    Pending,
    Parked,
    Gone,
    /// Moved to where discarded rows are kept, with who did it and why.
    Discarded,
}

/// What lies in the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// The relay's, about a row it sets aside.
    Letter(Event),
    /// Lambda's, about a part of the stream.
    Pointer(Events),
}

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Publisher {
    /// The function behind the stream.
    Stream,
    /// The scheduled function.
    Sweeper,
    /// An operator's command.
    Replay,
}

/// A process that publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    /// Published, but not deleted yet: all it remembers between its runs.
    pub(crate) undeleted: Events,
    /// What it does now.
    pub(crate) run: Option<Run>,
}

/// What has happened that nobody in the system knows of: properties are about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// Rows that were taken out of the table.
    pub(crate) removed: Events,
    /// Records that were left to those who read the table.
    pub(crate) left: Events,
    /// Events for whose repetition there is a cause.
    pub(crate) excused: Events,
    /// A run has put an event on the bus before an earlier one that it had, too.
    pub(crate) has_disorder: bool,
    /// A message was deleted that named a row which was still there.
    pub(crate) has_lost_message: bool,
}

impl State {
    /// The events are committed, and nothing else has happened yet.
    pub(crate) fn committed(poison: Events, troubles: u8) -> Self {
        Self {
            troubles,
            rows: [Row::Pending; 3],
            poison,
            edited: Events::empty(),
            taken: [0; 3],
            queue: BTreeSet::new(),
            mapping: Mapping::default(),
            processes: Default::default(),
            is_old: false,
            history: History::default(),
        }
    }

    pub(crate) fn rows_that_are(&self, state: Row) -> Events {
        events_that(|event| self.rows[event as usize] == state)
    }

    /// What is in the table.
    pub(crate) fn live(&self) -> Events {
        self.rows_that_are(Row::Pending) | self.rows_that_are(Row::Parked)
    }

    /// Takes rows out of the table, as far as they are there.
    pub(crate) fn remove(&mut self, events: Events, becomes: Row) {
        for event in events & self.live() {
            self.rows[event as usize] = becomes;
        }
        self.history.removed |= events;
    }

    /// What the messages in the queue name.
    pub(crate) fn named(&self) -> Events {
        union(self.queue.iter().map(Message::names))
    }

    /// Deletes the messages that name nothing but these.
    pub(crate) fn delete_messages(&mut self, about: Events) {
        let live = self.live();
        let is_about = |message: &Message| message.names().is_subset(about);
        for message in self.queue.extract_if(.., is_about) {
            self.history.has_lost_message |= !message.names().is_disjoint(live);
        }
    }

    pub(crate) fn process(&self, publisher: Publisher) -> &Process {
        &self.processes[publisher as usize]
    }

    pub(crate) fn process_mut(&mut self, publisher: Publisher) -> &mut Process {
        &mut self.processes[publisher as usize]
    }

    /// What is about to be published now, or is published and about to be deleted.
    pub(crate) fn held(&self) -> Events {
        union(self.processes.iter().map(|process| match &process.run {
            Some(run) => run.to_put | process.undeleted,
            None => Events::empty(),
        }))
    }

    /// The stream is through and nobody is at work: what is left is the sweeper's and
    /// the operators'.
    pub(crate) fn is_calm(&self) -> bool {
        self.mapping.is_through() && self.processes.iter().all(|process| process.run.is_none())
    }
}

impl Message {
    pub(crate) fn names(&self) -> Events {
        match self {
            Self::Letter(event) => Events::only(*event),
            Self::Pointer(events) => *events,
        }
    }
}

impl Process {
    pub(crate) fn has_something_to_lose(&self) -> bool {
        self.run.is_some() || !self.undeleted.is_empty()
    }
}
