//! When sweeper and replay begin, and which events each publisher is to publish.

use crate::{
    action::Action,
    event::{Event, Events, OF_WRITER, union},
    mistake::Mistake,
    process::Publisher,
    run::Run,
    state::{Row, State},
};

impl State {
    /// Adds the start of a sweep and of a replay, if they can begin. The sweeper leaves
    /// young rows to the stream, and no operator acts within seconds. Once the stream is
    /// done, both run as often as they are needed; an earlier run counts as a fault.
    pub(crate) fn offer_sweep_and_replay(
        &self,
        mistake: Option<Mistake>,
        actions: &mut Vec<Action>,
    ) {
        let may_begin = |publisher: Publisher| self.is_old && self.process(publisher).run.is_none();
        let pending = self.rows_in(Row::Pending);
        let has_pending = !(pending - self.behind_parked(mistake)).is_empty();
        let is_time = self.faults_left > 0 || self.is_idle();
        let has_sweeper = mistake != Some(Mistake::NoSweeper);
        if may_begin(Publisher::Sweeper) && has_pending && is_time && has_sweeper {
            actions.push(Action::Begin(Publisher::Sweeper));
        }
        let is_time = self.faults_left > 0 || self.is_time_for_last_replay();
        if may_begin(Publisher::Replay) && !self.queue.is_empty() && is_time {
            actions.push(Action::Begin(Publisher::Replay));
        }
    }

    fn is_time_for_last_replay(&self) -> bool {
        self.is_idle() && self.in_table().is_empty()
    }

    pub(crate) fn begin(&mut self, publisher: Publisher, mistake: Option<Mistake>) {
        let absent = Events::all() - self.in_table();
        let found = match publisher {
            Publisher::Stream => self.read_batch(mistake),
            Publisher::Sweeper => {
                self.faults_left -= u8::from(!self.is_idle());
                self.rows_in(Row::Pending)
            }
            Publisher::Replay => {
                self.faults_left -= u8::from(!self.is_time_for_last_replay());
                self.pending_by_messages()
            }
            Publisher::Writer => {
                self.writer_waits = false;
                self.read_handed_over(mistake)
            }
        };
        let found = found - self.process(publisher).undeleted;
        self.history.explained |= found & self.in_flight();
        let held = found & self.held(publisher, mistake);
        let mut run = Run::new(found, held, self.poison);
        if publisher == Publisher::Replay {
            run.absent = absent;
        }
        self.process_mut(publisher).run = Some(run);

        if mistake == Some(Mistake::DeleteBeforePublish) {
            self.remove(found, Row::Gone);
        }
        if mistake == Some(Mistake::DeleteMessageFirst) && publisher == Publisher::Replay {
            self.delete_messages(Events::all());
        }
    }

    /// Returns the events of the current batch that are to be published, and the pending ones
    /// before them. Old records may be redelivered ones, so their rows are looked up; young ones
    /// may be published by a writer.
    fn read_batch(&mut self, mistake: Option<Mistake>) -> Events {
        let batch = self.mapping.batch();
        let pending = self.rows_in(Row::Pending);
        let to_publish = if self.looks_up(mistake) {
            // The stream's records have an outdated content of edited rows: the sweeper
            // publishes those.
            self.history.handed_over |= batch & pending & self.edited;
            batch & (pending - self.edited)
        } else {
            batch
        };
        if mistake == Some(Mistake::NoPredecessorCheck) {
            return to_publish;
        }
        self.with_predecessors(to_publish, batch)
    }

    /// Returns whether the stream looks up the records of its batch.
    pub(crate) fn looks_up(&self, mistake: Option<Mistake>) -> bool {
        self.is_old || (self.at_once && mistake != Some(Mistake::YoungNotLookedUp))
    }

    /// Returns the events that the writer is to publish, and the pending ones before them. It looks
    /// up its own only if it was frozen after their commit.
    fn read_handed_over(&self, mistake: Option<Mistake>) -> Events {
        let pending = self.rows_in(Row::Pending);
        let to_publish = if self.is_old {
            OF_WRITER & (pending - self.edited)
        } else {
            OF_WRITER
        };
        if mistake == Some(Mistake::WriterWithoutPredecessors) {
            return to_publish;
        }
        self.with_predecessors(to_publish, OF_WRITER)
    }

    /// Returns the events to publish, and the pending ones before them that the publisher wasn't
    /// given itself.
    fn with_predecessors(&self, to_publish: Events, given: Events) -> Events {
        let pending = self.rows_in(Row::Pending);
        to_publish | ((predecessors(to_publish) - given) & pending)
    }

    /// Returns the pending events that messages name, and all others of their aggregates.
    fn pending_by_messages(&self) -> Events {
        let pending = self.rows_in(Row::Pending);
        let named = self.named_by_messages() & pending;
        named | ((predecessors(named) | successors(named)) & pending)
    }

    /// Returns the events that a publisher holds when it begins.
    fn held(&self, publisher: Publisher, mistake: Option<Mistake>) -> Events {
        match publisher {
            Publisher::Stream if mistake == Some(Mistake::NoPredecessorCheck) => Events::empty(),
            Publisher::Writer if mistake == Some(Mistake::WriterWithoutPredecessors) => {
                Events::empty()
            }
            // Edited rows are left to those that read the table, and so is what follows them.
            Publisher::Stream if self.looks_up(mistake) => {
                let edited = self.mapping.batch() & self.rows_in(Row::Pending) & self.edited;
                self.behind_parked(None) | successors(edited)
            }
            Publisher::Stream | Publisher::Replay | Publisher::Writer => self.behind_parked(None),
            Publisher::Sweeper => self.behind_parked(mistake),
        }
    }

    /// Returns the events behind a parked row.
    fn behind_parked(&self, mistake: Option<Mistake>) -> Events {
        if mistake == Some(Mistake::SweepBehindParked) {
            return Events::empty();
        }
        successors(self.rows_in(Row::Parked))
    }
}

fn predecessors(events: Events) -> Events {
    union(events.iter().map(Event::predecessors))
}

fn successors(events: Events) -> Events {
    union(events.iter().map(Event::successors))
}
