//! The relay: what stream, sweeper and replay publish with.

use crate::{
    action::{Action, Answer, Step},
    event::{Event, Events},
    mistake::Mistake,
    state::{Message, Publisher, Row, State},
};

/// What a publisher does when it is called: what it has found out and done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    /// To be put on the bus.
    pub(crate) to_put: Events,
    pub(crate) accepted: Events,
    /// Those the bus refuses for their content, as they were when they were read.
    suspects: Events,
    /// Halfway to being set aside.
    half_parked: Events,
    /// To come again.
    failed: Events,
    /// What a replay found settled.
    pub(crate) absent: Events,
    cannot_delete: bool,
}

impl State {
    pub(crate) fn offer_steps(
        &self,
        publisher: Publisher,
        mistake: Option<Mistake>,
        actions: &mut Vec<Action>,
    ) {
        let process = self.process(publisher);
        let Some(run) = &process.run else { return };
        let mut offer = |step, failures: &[Step]| {
            actions.push(Action::Go(publisher, step));
            if self.troubles > 0 {
                actions.extend(failures.iter().map(|step| Action::Go(publisher, *step)));
            }
        };

        for event in run.next_to_put() {
            let put = |answer| Step::Put(event, answer);
            offer(
                put(Answer::Accepted),
                &[put(Answer::Lost), put(Answer::Refused)],
            );
        }
        let has_to_delete = !process.undeleted.is_empty() && !run.cannot_delete;
        if has_to_delete {
            offer(Step::Delete, &[Step::FailToDelete]);
        }
        if has_to_delete || !run.to_put.is_empty() {
            return;
        }
        let [first_half, second_half] = ways_to_set_aside(mistake);
        for event in run.suspects {
            // With nothing else accepted it is believed only after an hour.
            if !run.accepted.is_empty() || self.is_old {
                offer(first_half(event), &[Step::FailToPark(event)]);
            }
            if run.accepted.is_empty() && !self.mapping.is_through() {
                offer(Step::Suspect(event), &[]);
            }
        }
        for event in run.half_parked {
            offer(second_half(event), &[Step::FailToPark(event)]);
        }
        if (run.suspects | run.half_parked).is_empty() {
            offer(Step::End, &[]);
            // How long it has failed the model does not know.
            let may_be_left = self.is_old && !run.accepted.is_empty();
            if publisher == Publisher::Stream && may_be_left && !run.failed.is_empty() {
                offer(Step::LeaveToSweeper, &[]);
            }
        }
    }

    pub(crate) fn go(&mut self, publisher: Publisher, step: Step, mistake: Option<Mistake>) {
        let Some(mut run) = self.process_mut(publisher).run.take() else {
            return;
        };
        match step {
            Step::Put(event, answer) => self.put(publisher, &mut run, event, answer, mistake),
            Step::Delete => {
                let rows = std::mem::take(&mut self.process_mut(publisher).undeleted);
                self.remove(rows, Row::Gone);
            }
            Step::FailToDelete => {
                self.troubles -= 1;
                run.cannot_delete = true;
            }
            Step::Suspect(event) => run.fail(event),
            Step::SendLetter(event) => {
                self.queue.insert(Message::Letter(event));
                run.is_half_done(event);
            }
            Step::Park(event) => {
                // What is poison was read before anybody mended it.
                let is_as_read = self.live().contains(event) && !self.edited.contains(event);
                if is_as_read || mistake == Some(Mistake::UnconditionalPark) {
                    self.rows[event as usize] = Row::Parked;
                }
                run.is_half_done(event);
            }
            Step::FailToPark(event) => {
                self.troubles -= 1;
                run.fail(event);
            }
            Step::LeaveToSweeper => {
                self.history.left |= std::mem::take(&mut run.failed);
                return self.end(publisher, &run, mistake);
            }
            Step::End => return self.end(publisher, &run, mistake),
        }
        self.process_mut(publisher).run = Some(run);
    }

    fn put(
        &mut self,
        publisher: Publisher,
        run: &mut Run,
        event: Event,
        answer: Answer,
        mistake: Option<Mistake>,
    ) {
        run.to_put -= event;
        if answer != Answer::Refused {
            let overtaken = event.predecessors() & (run.to_put | run.failed);
            self.history.has_disorder |= !overtaken.is_empty();
            let taken = &mut self.taken[event as usize];
            *taken = (*taken + 1).min(2);
        }
        if answer == Answer::Accepted {
            run.accepted |= event;
            self.process_mut(publisher).undeleted |= event;
            return;
        }
        self.troubles -= 1;
        run.fail(event);
        if mistake != Some(Mistake::NoHoldingBack) {
            run.hold_back(event);
        }
        if answer == Answer::Lost {
            self.history.excused |= event;
        }
    }

    fn end(&mut self, publisher: Publisher, run: &Run, mistake: Option<Mistake>) {
        let undeleted = self.process(publisher).undeleted;
        self.history.excused |= undeleted;
        match publisher {
            Publisher::Stream => self.answer(run.failed, mistake),
            Publisher::Sweeper => {}
            Publisher::Replay => {
                self.delete_messages(run.absent | (run.accepted - undeleted));
                // The operator's process ends with it.
                self.process_mut(publisher).undeleted = Events::empty();
            }
        }
    }

    /// Tells the mapping from which record on the batch must come again.
    fn answer(&mut self, failed: Events, mistake: Option<Mistake>) {
        let Some(first) = failed.iter().next() else {
            return self.mapping.completed(Events::empty());
        };
        let mut again = self.mapping.batch() & first.and_behind();
        // What is published and comes again must be old enough to be looked up.
        let waits = mistake != Some(Mistake::AnswerTooEarly) && again != failed;
        self.is_old |= waits;
        if mistake == Some(Mistake::CheckpointPastFailure) {
            again -= first;
        }
        self.mapping.completed(again);
    }

    /// A process dies, with all that it remembers.
    pub(crate) fn crash(&mut self, publisher: Publisher) {
        self.troubles -= 1;
        let process = std::mem::take(self.process_mut(publisher));
        self.history.excused |= process.undeleted;
        let Some(run) = process.run else { return };
        if publisher == Publisher::Stream {
            if !self.is_old {
                // They come again too soon to be looked up.
                self.history.excused |= run.accepted;
            }
            self.mapping.completed(self.mapping.batch());
        }
    }
}

impl Run {
    pub(crate) fn new(found: Events, poison: Events) -> Self {
        Self {
            to_put: found - poison,
            suspects: found & poison,
            ..Self::default()
        }
    }

    /// The first of each aggregate.
    fn next_to_put(&self) -> impl Iterator<Item = Event> {
        let is_first = |event: &Event| event.predecessors().is_disjoint(self.to_put);
        self.to_put.iter().filter(is_first)
    }

    /// An event is to come again.
    fn fail(&mut self, event: Event) {
        self.suspects -= event;
        self.half_parked -= event;
        self.failed |= event;
    }

    /// Nothing of its aggregate overtakes an event that failed for now.
    fn hold_back(&mut self, failed: Event) {
        let held_back = self.to_put & failed.successors();
        self.to_put -= held_back;
        self.failed |= held_back;
    }

    /// One of the two steps of setting a row aside is done.
    fn is_half_done(&mut self, event: Event) {
        if self.half_parked.remove(event) {
            return;
        }
        self.suspects -= event;
        self.half_parked |= event;
    }
}

/// Whoever dies in between leaves a letter too many, never a parked row nobody knows of.
fn ways_to_set_aside(mistake: Option<Mistake>) -> [fn(Event) -> Step; 2] {
    if mistake == Some(Mistake::ParkBeforeLetter) {
        [Step::Park, Step::SendLetter]
    } else {
        [Step::SendLetter, Step::Park]
    }
}
