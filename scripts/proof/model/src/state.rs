//! The state of the whole system between two actions.

use std::collections::BTreeSet;

use crate::{
    event::{Event, Events, OF_WRITER, events_where, union},
    mapping::Mapping,
    process::{Process, Publisher},
};

/// The state of the whole system between two actions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// How many more faults may happen: every path ends because of it.
    pub(crate) faults_left: u8,
    /// The outbox table, by event.
    pub(crate) rows: [Row; 3],
    /// Rows that the bus rejects because of their current content.
    pub(crate) poison: Events,
    /// Rows that an operator has edited.
    pub(crate) edited: Events,
    /// How many times the bus has accepted each event: 0, 1, or 2 for more.
    pub(crate) times_accepted: [u8; 3],
    /// The dead-letter queue. It is a set, because equal messages are settled together.
    pub(crate) queue: BTreeSet<Message>,
    pub(crate) mapping: Mapping,
    /// The processes, by [`Publisher`].
    pub(crate) processes: [Process; 4],
    /// Whether a writer publishes at once. The stream then looks up young records, too.
    pub(crate) at_once: bool,
    /// Whether that writer has not tried yet what it has committed.
    pub(crate) writer_waits: bool,
    /// Whether seconds have passed: from then on redelivered records are looked up, and
    /// sweeper and replay may begin.
    pub(crate) is_old: bool,
    pub(crate) history: History,
}

/// The row of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    Pending,
    Parked,
    Gone,
    /// Moved to the discarded rows, with the operator's name and reason.
    Discarded,
}

/// A message in the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// The relay's, about a row that it parks.
    DeadLetter(Event),
    /// Lambda's, about records of the stream.
    Pointer(Events),
}

/// What has happened so far, for the properties: no part of the system reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// Events whose rows were removed from the table.
    pub(crate) removed: Events,
    /// Events whose records are done, because sweeper or replay will publish them.
    pub(crate) handed_over: Events,
    /// Events of which a duplicate would have a known cause.
    pub(crate) explained: Events,
    /// Whether an event has reached the bus before an earlier one of its aggregate.
    pub(crate) has_disorder: bool,
    /// Whether a message was deleted that named a row in the table.
    pub(crate) has_lost_message: bool,
}

impl State {
    /// Returns the state after the commit of the events.
    pub(crate) fn committed(poison: Events, faults: u8, at_once: bool) -> Self {
        Self {
            faults_left: faults,
            rows: [Row::Pending; 3],
            poison,
            edited: Events::empty(),
            times_accepted: [0; 3],
            queue: BTreeSet::new(),
            mapping: Mapping::default(),
            processes: Default::default(),
            at_once,
            writer_waits: at_once,
            is_old: false,
            history: History::default(),
        }
    }

    pub(crate) fn rows_in(&self, state: Row) -> Events {
        events_where(|event| self.rows[event as usize] == state)
    }

    /// Returns the events whose rows are in the table.
    pub(crate) fn in_table(&self) -> Events {
        self.rows_in(Row::Pending) | self.rows_in(Row::Parked)
    }

    /// Removes the rows of these events that are in the table.
    pub(crate) fn remove(&mut self, events: Events, becomes: Row) {
        for event in events & self.in_table() {
            self.rows[event as usize] = becomes;
        }
        self.history.removed |= events;
    }

    /// Returns the events that the messages in the queue name.
    pub(crate) fn named_by_messages(&self) -> Events {
        union(self.queue.iter().map(Message::names))
    }

    /// Deletes the messages that name only these events.
    pub(crate) fn delete_messages(&mut self, about: Events) {
        let in_table = self.in_table();
        let is_about = |message: &Message| message.names().is_subset(about);
        for message in self.queue.extract_if(.., is_about) {
            self.history.has_lost_message |= !message.names().is_disjoint(in_table);
        }
    }

    pub(crate) fn process(&self, publisher: Publisher) -> &Process {
        &self.processes[publisher as usize]
    }

    pub(crate) fn process_mut(&mut self, publisher: Publisher) -> &mut Process {
        &mut self.processes[publisher as usize]
    }

    /// Returns the events that a run is about to publish, or has published and not
    /// deleted yet; and those that the writer is about to publish without a look-up.
    pub(crate) fn in_flight(&self) -> Events {
        let runs = self.processes.iter().map(|process| match &process.run {
            Some(run) => run.to_put | process.undeleted,
            None => Events::empty(),
        });
        let writer = if self.writer_waits && !self.is_old {
            OF_WRITER
        } else {
            Events::empty()
        };
        union(runs) | writer
    }

    /// Returns whether the stream is done and no run is active: sweeper and operators
    /// do the rest.
    pub(crate) fn is_idle(&self) -> bool {
        self.mapping.is_done() && self.processes.iter().all(|process| process.run.is_none())
    }
}

impl Message {
    pub(crate) fn names(&self) -> Events {
        match self {
            Self::DeadLetter(event) => Events::only(*event),
            Self::Pointer(events) => *events,
        }
    }
}
