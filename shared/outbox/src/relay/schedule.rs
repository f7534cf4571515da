//! Decides which events go to the bus together, and when. No I/O: the time is an argument.
//!
//! An aggregate's events form a queue, in sequence. A request takes whole queues where they
//! fit. While it is in flight, nothing else of its aggregates is sent, so the events of
//! an aggregate stay in order; different aggregates are sent in parallel.

mod attempt;
mod queue;

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use self::{
    attempt::Attempt,
    queue::{Queue, Queued, Room},
};
use crate::{
    OutboxRow, RowKey,
    ports::{BusLimits, EntryError, Poison, PutResult},
    relay::{
        Failure, Halt,
        decision::depends_on_others,
        poison::{Sendable, rejected_alone},
        retry::{RETRIED_FOR, Retries},
    },
};

/// How long the bus may have accepted nothing before other events are looked for. Half of
/// [`attempt::REJECTED_FOR`], so that they are accepted before the attempt that decides.
const LOOK_FOR_OTHERS_AFTER: Duration = Duration::from_secs(5);

/// The events that are not on the bus yet, and what became of the others.
pub(super) struct Schedule {
    limits: BusLimits,
    retries: Retries,
    /// One for each aggregate.
    queues: Vec<Queue>,
    /// The index of an aggregate's queue.
    queue_of: HashMap<String, usize>,
    /// How many more rows may be judged poison before we suspect the bus instead.
    poison_left: usize,
    accepted: Vec<AcceptedEvent>,
    /// Rows that the bus rejected for their content.
    suspects: Vec<(Arc<OutboxRow>, Poison)>,
    /// Rows that are not attempted again by this call.
    failed: Vec<(RowKey, Failure)>,
    /// Why nothing more is sent, if so.
    halted: Option<Halt>,
    /// When the last request was sent of which the bus has accepted an event.
    accepted_at: Option<Instant>,
    /// When other events were last looked for.
    others_looked_for_at: Option<Instant>,
    /// How many events were in requests without an answer.
    events_unanswered: usize,
}

/// One request: rows in the order in which the bus attempts them.
pub(super) struct Request {
    /// Each row with the index of its queue.
    queued: Vec<(usize, Queued)>,
    attempt: Attempt,
}

impl Request {
    pub(super) fn rows(&self) -> Vec<Arc<OutboxRow>> {
        self.queued
            .iter()
            .map(|(_, queued)| Arc::clone(&queued.row))
            .collect()
    }

    /// Returns how many requests with one of the rows were not answered.
    pub(super) fn unanswered(&self) -> usize {
        let unanswered = self.queued.iter().map(|(_, queued)| queued.unanswered);
        unanswered.max().unwrap_or_default()
    }
}

/// An event that the bus accepted.
pub(super) struct AcceptedEvent {
    pub(super) key: RowKey,
    /// The time from its commit, by the writer's clock, to the response of the bus, by ours.
    pub(super) commit_to_publish: SignedDuration,
}

/// What became of all rows of a schedule.
pub(super) struct ScheduleResult {
    pub(super) accepted: Vec<AcceptedEvent>,
    pub(super) suspects: Vec<(Arc<OutboxRow>, Poison)>,
    pub(super) failed: Vec<(RowKey, Failure)>,
    pub(super) halted: Option<Halt>,
    pub(super) unanswered: usize,
}

impl Schedule {
    /// Creates an empty schedule. At most `poison_left` rows may be judged poison.
    pub(super) fn new(limits: BusLimits, retries: Retries, poison_left: usize) -> Self {
        Self {
            limits,
            retries,
            queues: Vec::new(),
            queue_of: HashMap::new(),
            poison_left,
            accepted: Vec::new(),
            suspects: Vec::new(),
            failed: Vec::new(),
            halted: None,
            accepted_at: None,
            others_looked_for_at: None,
            events_unanswered: 0,
        }
    }

    /// Adds rows: all rows of their aggregates, no key twice.
    pub(super) fn add(&mut self, mut rows: Vec<Sendable>) {
        if let Some(halt) = &self.halted {
            let failure = || Failure::Halted(halt.clone());
            let failed = rows
                .into_iter()
                .map(|Sendable { row, .. }| (row.key.clone(), failure()));
            self.failed.extend(failed);
            return;
        }
        let first = self.queues.len();
        // The oldest events first across aggregates; within one, the sequence decides, for
        // the clocks of writers differ.
        rows.sort_by(|Sendable { row: a, .. }, Sendable { row: b, .. }| {
            a.committed_at.cmp(&b.committed_at).then(a.key.cmp(&b.key))
        });
        for row in rows {
            self.enqueue(row);
        }
        for queue in &mut self.queues[first..] {
            let rows = queue.rows.make_contiguous();
            rows.sort_by(|a, b| a.row.key.cmp(&b.row.key));
        }
    }

    /// Counts a row as poison. Returns false if too many were counted before.
    pub(super) fn count_poison(&mut self) -> bool {
        let counts = self.poison_left > 0;
        self.poison_left -= usize::from(counts);
        counts
    }

    fn enqueue(&mut self, Sendable { row, bytes }: Sendable) {
        let aggregate_id = row.key.aggregate_id.clone();
        let index = *self.queue_of.entry(aggregate_id).or_insert_with(|| {
            self.queues.push(Queue::default());
            self.queues.len() - 1
        });
        self.queues[index].rows.push_back(Queued {
            row,
            bytes,
            largest_request: self.limits.entries,
            first_sent: None,
            last_error: None,
            unanswered: 0,
            goes_alone: false,
        });
    }

    /// Returns the next request to send, if one can be sent now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Request> {
        if self.halted.is_some() {
            return None;
        }
        let mut request = Request {
            queued: Vec::new(),
            attempt: Attempt::at(now, self.accepted_at),
        };
        let mut room = Room::of(self.limits);
        for (index, queue) in self.queues.iter_mut().enumerate() {
            if !queue.is_ready(now) {
                continue;
            }
            let mut rest = room;
            let sendable = queue.sendable();
            let rows = queue.rows.iter().take(sendable);
            let fits = |row: &&Queued| {
                let fits = rest.admits(row);
                if fits {
                    rest.take(row);
                }
                fits
            };
            let fitting = rows.take_while(fits).count();
            let whole = fitting == sendable;
            // A queue is cut only if it alone exceeds a request. If it were cut to fill up a
            // request, its rest would have to wait for the response.
            if fitting == 0 || !(whole || request.queued.is_empty()) {
                continue;
            }
            room = rest;
            queue.busy = true;
            for mut queued in queue.rows.drain(..fitting) {
                queued.first_sent.get_or_insert(now);
                request.queued.push((index, queued));
            }
        }
        (!request.queued.is_empty()).then_some(request)
    }

    /// Returns whether a row is not sent yet.
    pub(super) fn has_rows(&self) -> bool {
        self.queues.iter().any(|queue| !queue.rows.is_empty())
    }

    /// Returns whether no row is retried any more: others were accepted, and must not wait for
    /// those that failed; or all have failed for long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        if self.retries != Retries::WhileNothingIsAccepted || !self.has_only_failed_rows() {
            return false;
        }
        let mut fronts = self.queues.iter().filter_map(|queue| queue.rows.front());
        let failed_for_long = |row: &Queued| {
            let since = row.first_sent.unwrap_or(now);
            now.duration_since(since) >= RETRIED_FOR
        };
        !self.accepted.is_empty() || fronts.all(failed_for_long)
    }

    /// Returns whether every row that is left has failed or is behind one that has.
    fn has_only_failed_rows(&self) -> bool {
        let mut fronts = self.queues.iter().filter_map(|queue| queue.rows.front());
        fronts.all(|front| front.last_error.is_some())
    }

    /// Returns from when on other events are to be looked for: what becomes of the failed ones
    /// depends on whether the bus accepts others, and no other is left to show it. `failed`:
    /// failures of rows that the schedule doesn't know. No request may be in flight.
    pub(super) fn others_wanted_at<'f>(
        &self,
        now: Instant,
        mut failed: impl Iterator<Item = &'f Failure>,
    ) -> Option<Instant> {
        let may_leave = self.retries == Retries::UntilLeftToSweeper;
        if !may_leave || self.halted.is_some() || !self.has_only_failed_rows() {
            return None;
        }
        let is_undecided = self.accepted.is_empty()
            && (!self.suspects.is_empty()
                || self
                    .failed
                    .iter()
                    .any(|(_, failure)| depends_on_others(failure))
                || failed.any(depends_on_others));
        let retried = self.queues.iter().filter_map(|queue| queue.rows.front());
        let first_sent = retried.filter_map(|row| row.first_sent).min();
        if first_sent.is_none() && !is_undecided {
            return None;
        }
        let times = [first_sent, self.accepted_at, self.others_looked_for_at];
        let last = times.into_iter().flatten().max();
        Some(last.map_or(now, |last| last + LOOK_FOR_OTHERS_AFTER))
    }

    /// Takes in that other events are looked for.
    pub(super) fn looks_for_others(&mut self, now: Instant) {
        self.others_looked_for_at = Some(now);
    }

    /// Sends the rows of an aggregate only once from now on.
    pub(super) fn send_once(&mut self, aggregate_id: &str) {
        if let Some(index) = self.queue_of.get(aggregate_id) {
            self.queues[*index].is_sent_once = true;
        }
    }

    /// Returns the aggregates of which a row waits or has failed.
    pub(super) fn unsettled_aggregates(&self) -> impl Iterator<Item = &str> {
        let waiting = self.queues.iter().flat_map(|queue| &queue.rows);
        let waiting = waiting.map(|queued| &queued.row.key);
        let suspects = self.suspects.iter().map(|(row, _)| &row.key);
        let failed = self.failed.iter().map(|(key, _)| key);
        let unsettled = waiting.chain(suspects).chain(failed);
        unsettled.map(|key| key.aggregate_id.as_str())
    }

    /// Returns the rows that the bus accepted.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &RowKey> {
        self.accepted.iter().map(|accepted| &accepted.key)
    }

    /// Returns when the next pause of an aggregate ends; `None` if none pauses.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.halted.is_some() {
            return None;
        }
        self.queues
            .iter()
            .filter(|queue| !queue.busy && !queue.rows.is_empty())
            .filter_map(|queue| queue.not_before)
            .min()
    }

    /// Takes in the results of a request, which the bus returned at this time. `pause`
    /// returns until when an aggregate pauses after so many consecutive failures.
    /// Returns the rows that the bus accepted.
    pub(super) fn answered(
        &mut self,
        request: Request,
        results: Vec<PutResult>,
        at: Timestamp,
        pause: impl Fn(u32) -> Instant,
    ) -> Vec<RowKey> {
        let no_result = || {
            let message = "the bus returned no result for it".to_owned();
            PutResult::Rejected(EntryError::Transient(message))
        };
        let results = results.into_iter().chain(std::iter::repeat_with(no_result));
        let mut accepted = Vec::new();
        let mut retried = Vec::new();
        let attempt = request.attempt;
        for ((index, mut queued), result) in request.queued.into_iter().zip(results) {
            self.queues[index].busy = false;
            match result {
                PutResult::Accepted => {
                    // The bus works again for this aggregate, so the next pause is short.
                    self.queues[index].failures = 0;
                    accepted.push(queued.row.key.clone());
                    self.accepted.push(AcceptedEvent {
                        key: queued.row.key.clone(),
                        commit_to_publish: at.duration_since(queued.row.committed_at),
                    });
                }
                PutResult::Rejected(EntryError::Transient(error)) => {
                    queued.goes_alone = true;
                    retried.push((index, queued, error));
                }
                PutResult::Rejected(EntryError::Configuration(error)) => {
                    self.fail(index, queued.row.key.clone(), Failure::Configuration(error));
                }
                PutResult::Rejected(EntryError::Content(poison)) => {
                    self.suspect(index, queued, poison);
                }
            }
        }
        if !accepted.is_empty() {
            self.accepted_at = self.accepted_at.max(Some(attempt.sent));
        }
        self.put_back(attempt, retried, pause);
        accepted
    }

    /// Takes in that a request failed as a whole, for now.
    pub(super) fn failed_for_now(
        &mut self,
        request: Request,
        error: &str,
        pause: impl Fn(u32) -> Instant,
    ) {
        let Request { queued, attempt } = request;
        let retried = queued
            .into_iter()
            .map(|(index, queued)| (index, queued, error.to_owned()))
            .collect();
        self.put_back(attempt, retried, pause);
    }

    /// Takes in that a request was not answered, so that the bus may have accepted its events.
    /// After so many, a row is not sent again by this call: each may be another duplicate.
    pub(super) fn unanswered(
        &mut self,
        request: Request,
        most: usize,
        pause: impl Fn(u32) -> Instant,
    ) {
        let error = "no response in time: the bus may have accepted it";
        let Request { queued, attempt } = request;
        let mut retried = Vec::new();
        self.events_unanswered += queued.len();
        for (index, mut queued) in queued {
            self.queues[index].busy = false;
            queued.unanswered += 1;
            if queued.unanswered < most {
                retried.push((index, queued, error.to_owned()));
            } else {
                let failure = if self.gives_up(attempt, &queued) {
                    Failure::RejectedAmongOthers(error.to_owned())
                } else {
                    Failure::Unanswered
                };
                self.fail(index, queued.row.key.clone(), failure);
            }
        }
        self.put_back(attempt, retried, pause);
    }

    /// Returns whether a row that the bus did not accept for now is not sent again, because the
    /// bus accepts others.
    fn gives_up(&self, attempt: Attempt, row: &Queued) -> bool {
        self.retries == Retries::UntilLeftToSweeper && attempt.is_among_others(row)
    }

    /// Takes in that the bus rejected a request as a whole for its content.
    pub(super) fn rejected_for_content(&mut self, request: Request, error: &str) {
        // The bus doesn't say which entry is at fault. Halving the requests finds it: it is
        // the one that is rejected alone.
        let half = request.queued.len() / 2;
        // In reverse, since each is put at the front of its queue.
        let retried = request.queued.into_iter().rev();
        for (index, mut queued) in retried {
            self.queues[index].busy = false;
            if half == 0 {
                self.suspect(index, queued, rejected_alone(error));
            } else {
                queued.largest_request = half;
                self.queues[index].rows.push_front(queued);
            }
        }
    }

    /// Takes in that permissions or configuration are at fault. Nothing more is sent, since
    /// every other request would fail as well.
    pub(super) fn halt(&mut self, request: Request, halt: &Halt) {
        for (index, queued) in request.queued {
            self.queues[index].busy = false;
            let failure = Failure::Halted(halt.clone());
            self.failed.push((queued.row.key.clone(), failure));
        }
        self.halt_all(halt);
    }

    /// Sends nothing more. Rows in flight are not affected.
    pub(super) fn halt_all(&mut self, halt: &Halt) {
        self.halted.get_or_insert_with(|| halt.clone());
        let rest = self
            .queues
            .iter_mut()
            .flat_map(|queue| queue.rows.drain(..));
        let failure = |queued: Queued| (queued.row.key.clone(), Failure::Halted(halt.clone()));
        self.failed.extend(rest.map(failure));
    }

    /// Ends the schedule: rows that are still queued have failed. No request may be in
    /// flight.
    pub(super) fn finish(mut self) -> ScheduleResult {
        for queue in self.queues {
            let mut first: Option<RowKey> = None;
            for queued in queue.rows {
                let key = queued.row.key.clone();
                let failure = match (queued.last_error, &first) {
                    (Some(_), _) if queued.unanswered > 0 => Failure::Unanswered,
                    (Some(error), _) => Failure::NotAccepted(error),
                    (None, Some(first)) => Failure::HeldBack(first.clone()),
                    (None, None) => Failure::OutOfTime,
                };
                // An event that was not attempted is not what held the others back.
                if !matches!(failure, Failure::OutOfTime) {
                    first.get_or_insert_with(|| key.clone());
                }
                self.failed.push((key, failure));
            }
        }
        ScheduleResult {
            accepted: self.accepted,
            suspects: self.suspects,
            failed: self.failed,
            halted: self.halted,
            unanswered: self.events_unanswered,
        }
    }

    /// Puts rows of a request back to the front of their queues, for another attempt after
    /// a pause.
    fn put_back(
        &mut self,
        attempt: Attempt,
        retried: Vec<(usize, Queued, String)>,
        pause: impl Fn(u32) -> Instant,
    ) {
        let mut touched = Vec::new();
        for (index, mut queued, error) in retried.into_iter().rev() {
            let queue = &mut self.queues[index];
            queue.busy = false;
            if queue.is_sent_once {
                let failure = Failure::NotAccepted(error);
                self.failed.push((queued.row.key.clone(), failure));
                continue;
            }
            // An earlier event of the same request failed for this invocation. Another attempt
            // would publish this one before it.
            if let Some(earlier) = &queue.held_behind {
                let failure = Failure::HeldBack(earlier.clone());
                self.failed.push((queued.row.key.clone(), failure));
                continue;
            }
            queued.last_error = Some(error);
            queue.rows.push_front(queued);
            touched.push(index);
        }
        // Several rows of a queue in one request are one failure of it.
        touched.sort_unstable();
        touched.dedup();
        touched.retain(|index| !self.give_up_front(*index, attempt));
        // One pause for all that failed as often, so that they can share a request again.
        let mut pauses: HashMap<u32, Instant> = HashMap::new();
        for index in touched {
            let queue = &mut self.queues[index];
            queue.failures += 1;
            let failures = queue.failures;
            let until = pauses.entry(failures).or_insert_with(|| pause(failures));
            queue.not_before = Some(*until);
        }
    }

    /// Fails the first row of a queue if it was rejected among others. Returns whether it was.
    fn give_up_front(&mut self, index: usize, attempt: Attempt) -> bool {
        let front = self.queues[index].rows.front();
        if !front.is_some_and(|row| self.gives_up(attempt, row)) {
            return false;
        }
        if let Some(row) = self.queues[index].rows.pop_front() {
            let failure = Failure::RejectedAmongOthers(row.last_error.unwrap_or_default());
            self.fail(index, row.row.key.clone(), failure);
        }
        true
    }

    /// Fails a row for this invocation, and with it the later ones of its aggregate.
    fn fail(&mut self, index: usize, key: RowKey, failure: Failure) {
        let queue = &mut self.queues[index];
        queue.held_behind.get_or_insert_with(|| key.clone());
        let held_back = queue.rows.drain(..);
        let failures =
            held_back.map(|later| (later.row.key.clone(), Failure::HeldBack(key.clone())));
        self.failed.extend(failures);
        self.failed.push((key, failure));
    }

    /// Takes in that the bus rejected a row for its content. It doesn't hold back later
    /// rows, since it will be parked.
    fn suspect(&mut self, index: usize, queued: Queued, poison: Poison) {
        if self.count_poison() {
            self.suspects.push((queued.row, poison));
        } else {
            self.fail(
                index,
                queued.row.key.clone(),
                Failure::TooManyPoisoned(poison),
            );
        }
    }
}

#[cfg(test)]
mod tests;
