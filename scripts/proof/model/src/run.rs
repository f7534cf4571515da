//! The progress of one run of the relay.

use crate::event::{Event, Events, union};

/// How many times a run puts an event on the bus at most. It puts it once more after a put that
/// timed out, because the connection may have been broken before the bus got it.
pub(crate) const MOST_COPIES: u8 = 2;

/// One run of the relay for a publisher: what it has read and done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    /// Events to put on the bus.
    pub(crate) to_put: Events,
    /// Events that the bus has accepted.
    pub(crate) accepted: Events,
    /// Events whose rows were poison when they were read.
    pub(crate) suspects: Events,
    /// Rows after the first of the two steps of parking.
    pub(crate) half_parked: Events,
    /// Events to retry.
    pub(crate) failed: Events,
    /// Events behind a suspect: they become as it does.
    pub(crate) behind_suspect: Events,
    /// Events behind a parked row. They are done for the stream.
    pub(crate) held: Events,
    /// Events without a row when a replay began.
    pub(crate) absent: Events,
    /// How many times the bus has accepted each event, with or without a response.
    pub(crate) copies: [u8; 3],
    /// Whether the table has failed to delete rows until the deadline.
    pub(crate) cannot_delete: bool,
}

impl Run {
    /// Begins a run for these events, of which some are held.
    pub(crate) fn new(found: Events, held: Events, poison: Events) -> Self {
        let suspects = (found - held) & poison;
        let behind_suspect = (found - held) & union(suspects.iter().map(Event::successors));
        Self {
            to_put: found - held - suspects - behind_suspect,
            suspects,
            behind_suspect,
            held,
            ..Self::default()
        }
    }

    /// Returns the first event of each aggregate.
    pub(crate) fn next_to_put(&self) -> impl Iterator<Item = Event> {
        let is_first = |event: &Event| event.predecessors().is_disjoint(self.to_put);
        self.to_put.iter().filter(is_first)
    }

    /// Returns whether an event may be on the bus although there was no response.
    pub(crate) fn is_unanswered(&self, event: Event) -> bool {
        self.to_put.contains(event) && self.copies[event as usize] > 0
    }

    /// Marks an event as failed: it is retried later.
    pub(crate) fn fail(&mut self, event: Event) {
        self.suspects -= event;
        self.half_parked -= event;
        self.failed |= event;
        let behind = self.behind_suspect & event.successors();
        self.behind_suspect -= behind;
        self.failed |= behind;
    }

    /// Marks the later events of a failed event's aggregate as failed, so that none is
    /// published before it.
    pub(crate) fn hold_back_successors(&mut self, failed: Event) {
        let held_back = self.to_put & failed.successors();
        self.to_put -= held_back;
        self.failed |= held_back;
    }

    /// Records that one of the two steps of parking a row is done.
    pub(crate) fn complete_parking_step(&mut self, event: Event) {
        if self.half_parked.remove(event) {
            let behind = self.behind_suspect & event.successors();
            self.behind_suspect -= behind;
            self.held |= behind;
            return;
        }
        self.suspects -= event;
        self.half_parked |= event;
    }
}
