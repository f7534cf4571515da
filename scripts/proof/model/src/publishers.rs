//! When stream, sweeper and replay begin, and what each finds to be published.

use crate::{
    action::Action,
    event::{Event, Events, union},
    mistake::Mistake,
    relay::Run,
    state::{Publisher, Row, State},
};

impl State {
    /// The sweeper leaves young rows to the stream, and no operator is that fast. In
    /// the end both come as often as they are needed; before that, it is a trouble.
    pub(crate) fn offer_sweep_and_replay(
        &self,
        mistake: Option<Mistake>,
        actions: &mut Vec<Action>,
    ) {
        let may_begin = |publisher: Publisher| self.is_old && self.process(publisher).run.is_none();
        let has_pending = !self.rows_that_are(Row::Pending).is_empty();
        let is_time = self.troubles > 0 || self.is_calm();
        let is_swept = mistake != Some(Mistake::NoSweeper);
        if may_begin(Publisher::Sweeper) && has_pending && is_time && is_swept {
            actions.push(Action::Begin(Publisher::Sweeper));
        }
        let is_time = self.troubles > 0 || self.is_time_for_last_replay();
        if may_begin(Publisher::Replay) && !self.queue.is_empty() && is_time {
            actions.push(Action::Begin(Publisher::Replay));
        }
    }

    fn is_time_for_last_replay(&self) -> bool {
        self.is_calm() && self.live().is_empty()
    }

    pub(crate) fn begin(&mut self, publisher: Publisher, mistake: Option<Mistake>) {
        let absent = Events::all() - self.live();
        let found = match publisher {
            Publisher::Stream => self.unsettled_of_batch(),
            Publisher::Sweeper => {
                self.troubles -= u8::from(!self.is_calm());
                self.rows_that_are(Row::Pending)
            }
            Publisher::Replay => {
                self.troubles -= u8::from(!self.is_time_for_last_replay());
                self.wanted_by_queue()
            }
        };
        let found = found - self.process(publisher).undeleted;
        self.history.excused |= found & self.held();
        let mut run = Run::new(found, self.poison);
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

    /// Records that may have been seen before are looked up.
    fn unsettled_of_batch(&mut self) -> Events {
        let batch = self.mapping.batch();
        if !self.is_old {
            return batch;
        }
        let pending = batch & self.rows_that_are(Row::Pending);
        // What the stream shows of these is out of date.
        self.history.left |= pending & self.edited;
        pending - self.edited
    }

    /// What messages name and is pending, and what is pending before it.
    fn wanted_by_queue(&self) -> Events {
        let pending = self.rows_that_are(Row::Pending);
        let named = self.named() & pending;
        named | (union(named.iter().map(Event::predecessors)) & pending)
    }
}
