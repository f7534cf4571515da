//! The relay, with which all publish: one run, step by step.

use crate::{
    action::{Action, PutOutcome, Step},
    event::{Event, Events},
    mistake::Mistake,
    process::Publisher,
    run::{MOST_COPIES, Run},
    state::{Message, Row, State},
};

impl State {
    /// Adds the steps that a publisher's run can take next.
    pub(crate) fn offer_steps(
        &self,
        publisher: Publisher,
        mistake: Option<Mistake>,
        actions: &mut Vec<Action>,
    ) {
        let process = self.process(publisher);
        let Some(run) = &process.run else { return };
        let mut offer = |step, failures: &[Step]| {
            actions.push(Action::Continue(publisher, step));
            if self.faults_left > 0 {
                let failures = failures.iter();
                actions.extend(failures.map(|step| Action::Continue(publisher, *step)));
            }
        };

        for event in run.next_to_put() {
            let put = |outcome| Step::Put(event, outcome);
            offer(
                put(PutOutcome::Accepted),
                &[put(PutOutcome::ResponseLost), put(PutOutcome::Rejected)],
            );
            if run.is_unanswered(event) {
                offer(Step::GiveUp(event), &[]);
            }
        }
        let has_to_delete = !process.undeleted.is_empty() && !run.cannot_delete;
        if has_to_delete {
            offer(Step::Delete, &[Step::FailToDelete]);
        }
        if !has_to_delete && run.to_put.is_empty() {
            if publisher == Publisher::Writer {
                for event in run.suspects {
                    offer(Step::Suspect(event), &[]);
                }
            } else {
                self.offer_to_park(run, mistake, &mut offer);
            }
        }
        let is_done = run.to_put.is_empty() && (run.suspects | run.half_parked).is_empty();
        if is_done && !has_to_delete {
            offer(Step::End, &[]);
            // The model doesn't know for how long the events have failed.
            let may_leave = self.is_old && !run.accepted.is_empty() && !run.failed.is_empty();
            if publisher == Publisher::Stream && may_leave {
                offer(Step::LeaveToSweeper, &[]);
            }
        }
    }

    /// Offers the steps of parking the poison rows of a run.
    fn offer_to_park(
        &self,
        run: &Run,
        mistake: Option<Mistake>,
        offer: &mut impl FnMut(Step, &[Step]),
    ) {
        let [first, second] = steps_to_park(mistake);
        for event in run.suspects {
            // If nothing else was accepted, the relay parks the row only after an hour.
            if !run.accepted.is_empty() || self.is_old {
                offer(first(event), &[Step::FailToPark(event)]);
            }
            if run.accepted.is_empty() && !self.mapping.is_done() {
                offer(Step::Suspect(event), &[]);
            }
        }
        for event in run.half_parked {
            offer(second(event), &[Step::FailToPark(event)]);
        }
    }

    /// Takes a step of a publisher's run.
    pub(crate) fn continue_run(
        &mut self,
        publisher: Publisher,
        step: Step,
        mistake: Option<Mistake>,
    ) {
        let Some(mut run) = self.process_mut(publisher).run.take() else {
            return;
        };
        match step {
            Step::Put(event, outcome) => self.put(publisher, &mut run, event, outcome, mistake),
            Step::GiveUp(event) => give_up(&mut run, event, mistake),
            Step::Delete => {
                let rows = std::mem::take(&mut self.process_mut(publisher).undeleted);
                self.remove(rows, Row::Gone);
            }
            Step::FailToDelete => {
                self.faults_left -= 1;
                run.cannot_delete = true;
            }
            Step::Suspect(event) => run.fail(event),
            Step::SendDeadLetter(event) => {
                self.queue.insert(Message::DeadLetter(event));
                run.complete_parking_step(event);
            }
            Step::Park(event) => {
                self.park(event, mistake);
                run.complete_parking_step(event);
            }
            Step::FailToPark(event) => {
                self.faults_left -= 1;
                run.fail(event);
            }
            Step::LeaveToSweeper => {
                self.history.handed_over |= std::mem::take(&mut run.failed);
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
        outcome: PutOutcome,
        mistake: Option<Mistake>,
    ) {
        run.to_put -= event;
        if outcome != PutOutcome::Rejected {
            let is_first = self.times_accepted[event as usize] == 0;
            let settled = self.on_bus() | self.rows_in(Row::Discarded);
            let overtaken = event.predecessors() - settled;
            self.history.has_disorder |= is_first && !overtaken.is_empty();
            let times = &mut self.times_accepted[event as usize];
            *times = (*times + 1).min(2);
            run.copies[event as usize] += 1;
        }
        if outcome == PutOutcome::Accepted {
            run.accepted |= event;
            self.process_mut(publisher).undeleted |= event;
            return;
        }
        self.faults_left -= 1;
        if outcome == PutOutcome::ResponseLost {
            self.history.explained |= event;
        }
        // A writer leaves to the stream whatever fails.
        if outcome == PutOutcome::ResponseLost && publisher != Publisher::Writer {
            let is_bounded = mistake != Some(Mistake::UnboundedPuts);
            if run.copies[event as usize] < MOST_COPIES || !is_bounded {
                run.to_put |= event;
                return;
            }
        }
        give_up(run, event, mistake);
    }

    /// Parks a row under the condition that it is as it was read. A poison row was read
    /// before an operator edited it, so it must not be edited.
    fn park(&mut self, event: Event, mistake: Option<Mistake>) {
        let is_as_read = self.in_table().contains(event) && !self.edited.contains(event);
        if is_as_read || mistake == Some(Mistake::UnconditionalPark) {
            self.rows[event as usize] = Row::Parked;
        }
    }

    fn end(&mut self, publisher: Publisher, run: &Run, mistake: Option<Mistake>) {
        let undeleted = self.process(publisher).undeleted;
        self.history.explained |= undeleted;
        match publisher {
            Publisher::Stream => {
                self.history.handed_over |= run.held;
                self.respond(run.failed, mistake);
            }
            Publisher::Sweeper => {}
            // The model's writer commits nothing else.
            Publisher::Writer => self.process_mut(publisher).undeleted = Events::empty(),
            Publisher::Replay => {
                self.delete_messages(run.absent | (run.accepted - undeleted));
                // The operator's process exits with the run.
                self.process_mut(publisher).undeleted = Events::empty();
            }
        }
    }

    /// Returns the first failed record to the mapping, which retries it and all later ones.
    fn respond(&mut self, failed: Events, mistake: Option<Mistake>) {
        // Not those that were found before the records of the batch.
        let failed = failed & self.mapping.batch();
        let Some(first) = failed.iter().next() else {
            return self.mapping.complete(Events::empty());
        };
        let mut retried = self.mapping.batch() & first.and_later();
        // Published records that are redelivered must be old enough to be looked up.
        let waits = mistake != Some(Mistake::AnswerTooEarly) && retried != failed;
        self.is_old |= waits;
        if mistake == Some(Mistake::CheckpointPastFailure) {
            retried -= first;
        }
        self.mapping.complete(retried);
    }

    /// Crashes a process, which forgets everything.
    pub(crate) fn crash(&mut self, publisher: Publisher, mistake: Option<Mistake>) {
        self.faults_left -= 1;
        let process = std::mem::take(self.process_mut(publisher));
        self.history.explained |= process.undeleted;
        let Some(run) = process.run else { return };
        if publisher == Publisher::Stream {
            if !self.looks_up(mistake) {
                // The records are redelivered too early to be looked up.
                self.history.explained |= run.accepted;
            }
            self.mapping.complete(self.mapping.batch());
        }
    }
}

/// Leaves an event to a later run, and with it those behind it.
fn give_up(run: &mut Run, event: Event, mistake: Option<Mistake>) {
    run.to_put -= event;
    run.fail(event);
    if mistake != Some(Mistake::NoHoldingBack) {
        run.hold_back_successors(event);
    }
}

/// Returns the two steps of parking a row. The dead letter is first: a crash in between
/// leaves a needless letter, and never a parked row without one.
fn steps_to_park(mistake: Option<Mistake>) -> [fn(Event) -> Step; 2] {
    if mistake == Some(Mistake::ParkBeforeLetter) {
        [Step::Park, Step::SendDeadLetter]
    } else {
        [Step::SendDeadLetter, Step::Park]
    }
}
