//! Which events go to the bus together, and when. No I/O: time comes in with
//! every call.
//!
//! An aggregate's events form a queue in sequence. A request takes whole queues
//! where they fit, and while it is under way nothing else of its aggregates is
//! sent, so an aggregate's events stay in order.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    OutboxRow, RowKey,
    ports::{BusLimits, EntryError, Poison, PutResult},
    relay::Failure,
};

pub(super) struct Schedule {
    limits: BusLimits,
    queues: Vec<Queue>,
    queue_of: HashMap<String, usize>,
    /// Rows that may still be found at fault before that is no accident.
    poison_left: usize,
    accepted: Vec<Accepted>,
    suspects: Vec<(Arc<OutboxRow>, Poison)>,
    failed: Vec<(RowKey, Failure)>,
    /// Why nothing more is sent.
    halted: Option<String>,
}

#[derive(Default)]
struct Queue {
    rows: VecDeque<Queued>,
    /// A request with events of this aggregate is under way.
    busy: bool,
    /// How often in a row something of it has failed for now.
    failures: u32,
    /// Nothing of it is sent before this.
    not_before: Option<Instant>,
    /// The event that failed and holds back all later ones.
    held_behind: Option<RowKey>,
}

struct Queued {
    row: Arc<OutboxRow>,
    /// The largest request it may be part of, smaller after each request that
    /// was refused whole for its content.
    largest_request: usize,
    last_error: Option<String>,
    /// The bus refused it for now and may do so again, so nothing of its
    /// aggregate goes with it.
    goes_alone: bool,
}

/// One request: rows in the order they are to be attempted.
pub(super) struct Request {
    queued: Vec<(usize, Queued)>,
}

impl Request {
    pub(super) fn rows(&self) -> Vec<Arc<OutboxRow>> {
        self.queued
            .iter()
            .map(|(_, queued)| Arc::clone(&queued.row))
            .collect()
    }
}

/// An event the bus has.
pub(super) struct Accepted {
    pub(super) key: RowKey,
    /// From its commit, by the writer's clock, until the bus answered, by ours.
    pub(super) commit_to_publish: SignedDuration,
}

/// What a schedule has come to.
pub(super) struct Finished {
    pub(super) accepted: Vec<Accepted>,
    pub(super) suspects: Vec<(Arc<OutboxRow>, Poison)>,
    pub(super) failed: Vec<(RowKey, Failure)>,
    pub(super) halted: Option<String>,
}

impl Schedule {
    /// At most `poison_left` rows may be found at fault.
    pub(super) fn new(limits: BusLimits, poison_left: usize) -> Self {
        Self {
            limits,
            queues: Vec::new(),
            queue_of: HashMap::new(),
            poison_left,
            accepted: Vec::new(),
            suspects: Vec::new(),
            failed: Vec::new(),
            halted: None,
        }
    }

    /// More rows, all that there are of their aggregates. No two may have the same key.
    pub(super) fn add(&mut self, mut rows: Vec<Arc<OutboxRow>>) {
        if let Some(error) = &self.halted {
            let failure = |row: Arc<OutboxRow>| (row.key.clone(), Failure::SetUp(error.clone()));
            self.failed.extend(rows.into_iter().map(failure));
            return;
        }
        let first = self.queues.len();
        rows.sort_by(|a, b| a.committed_at.cmp(&b.committed_at).then(a.key.cmp(&b.key)));
        for row in rows {
            self.enqueue(row);
        }
        for queue in &mut self.queues[first..] {
            let rows = queue.rows.make_contiguous();
            rows.sort_by(|a, b| a.row.key.cmp(&b.row.key));
        }
    }

    /// Counts a row as at fault itself. Answers whether it is among as many as may be.
    pub(super) fn count_poison(&mut self) -> bool {
        let counts = self.poison_left > 0;
        self.poison_left -= usize::from(counts);
        counts
    }

    fn enqueue(&mut self, row: Arc<OutboxRow>) {
        let aggregate_id = row.key.aggregate_id.clone();
        let index = *self.queue_of.entry(aggregate_id).or_insert_with(|| {
            self.queues.push(Queue::default());
            self.queues.len() - 1
        });
        self.queues[index].rows.push_back(Queued {
            row,
            largest_request: self.limits.entries,
            last_error: None,
            goes_alone: false,
        });
    }

    /// The next request to send, if one can be sent now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Request> {
        if self.halted.is_some() {
            return None;
        }
        let mut request = Request { queued: Vec::new() };
        let mut room = Room::of(self.limits);
        for (index, queue) in self.queues.iter_mut().enumerate() {
            if !queue.is_ready(now) {
                continue;
            }
            let mut rest = room;
            let sendable = queue.sendable();
            let rows = queue.rows.iter().take(sendable);
            let fitting = rows.take_while(|row| rest.admits(row)).count();
            let whole = fitting == sendable;
            if fitting == 0 || !(whole || request.queued.is_empty()) {
                continue;
            }
            room = rest;
            queue.busy = true;
            let rows = queue.rows.drain(..fitting);
            request.queued.extend(rows.map(|queued| (index, queued)));
        }
        (!request.queued.is_empty()).then_some(request)
    }

    /// When the next request can be sent; `None` if none is waiting for time to
    /// pass.
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

    /// The bus answered a request at this time. `pause` gives the time an
    /// aggregate waits after so many failures in a row. Answers the rows the bus
    /// has now.
    pub(super) fn answered(
        &mut self,
        request: Request,
        results: Vec<PutResult>,
        at: Timestamp,
        pause: impl Fn(u32) -> Instant,
    ) -> Vec<RowKey> {
        let no_result = || {
            let message = "the bus answered without a result for it".to_owned();
            PutResult::Refused(EntryError::Transient(message))
        };
        let results = results.into_iter().chain(std::iter::repeat_with(no_result));
        let mut accepted = Vec::new();
        let mut again = Vec::new();
        for ((index, mut queued), result) in request.queued.into_iter().zip(results) {
            self.queues[index].busy = false;
            match result {
                PutResult::Accepted => {
                    self.queues[index].failures = 0;
                    accepted.push(queued.row.key.clone());
                    self.accepted.push(Accepted {
                        key: queued.row.key.clone(),
                        commit_to_publish: at.duration_since(queued.row.committed_at),
                    });
                }
                PutResult::Refused(EntryError::Transient(error)) => {
                    queued.goes_alone = true;
                    again.push((index, queued, error));
                }
                PutResult::Refused(EntryError::SetUp(error)) => {
                    self.fail(index, queued.row.key.clone(), Failure::SetUp(error));
                }
                PutResult::Refused(EntryError::Content(poison)) => {
                    self.suspect(index, queued, poison);
                }
            }
        }
        self.put_back(again, pause);
        accepted
    }

    /// A request failed whole, for now.
    pub(super) fn failed_for_now(
        &mut self,
        request: Request,
        error: &str,
        pause: impl Fn(u32) -> Instant,
    ) {
        let again = request
            .queued
            .into_iter()
            .map(|(index, queued)| (index, queued, error.to_owned()))
            .collect();
        self.put_back(again, pause);
    }

    /// A request was refused whole for its content: it is split, and a row that
    /// stood alone is the culprit.
    pub(super) fn refused_for_content(&mut self, request: Request, error: &str) {
        let half = request.queued.len() / 2;
        let again = request.queued.into_iter().rev();
        for (index, mut queued) in again {
            self.queues[index].busy = false;
            if half == 0 {
                let poison = Poison::new("RequestRefused", error);
                self.suspect(index, queued, poison);
            } else {
                queued.largest_request = half;
                self.queues[index].rows.push_front(queued);
            }
        }
    }

    /// The set-up is at fault: nothing more is sent.
    pub(super) fn halt(&mut self, request: Request, error: &str) {
        self.halted = Some(error.to_owned());
        for (index, queued) in request.queued {
            self.queues[index].busy = false;
            let failure = Failure::SetUp(error.to_owned());
            self.failed.push((queued.row.key.clone(), failure));
        }
        let rest = self
            .queues
            .iter_mut()
            .flat_map(|queue| queue.rows.drain(..));
        let failure = |queued: Queued| (queued.row.key.clone(), Failure::SetUp(error.to_owned()));
        self.failed.extend(rest.map(failure));
    }

    /// Nothing more will be sent: what still waits has failed. Requests under
    /// way must have been answered.
    pub(super) fn finish(mut self) -> Finished {
        for queue in self.queues {
            let mut first: Option<RowKey> = None;
            for queued in queue.rows {
                let key = queued.row.key.clone();
                let failure = match (queued.last_error, &first) {
                    (Some(error), _) => Failure::NotAccepted(error),
                    (None, Some(first)) => Failure::HeldBack(first.clone()),
                    (None, None) => Failure::OutOfTime,
                };
                if !matches!(failure, Failure::OutOfTime) {
                    first.get_or_insert_with(|| key.clone());
                }
                self.failed.push((key, failure));
            }
        }
        Finished {
            accepted: self.accepted,
            suspects: self.suspects,
            failed: self.failed,
            halted: self.halted,
        }
    }

    fn put_back(&mut self, again: Vec<(usize, Queued, String)>, pause: impl Fn(u32) -> Instant) {
        let mut touched = Vec::new();
        for (index, mut queued, error) in again.into_iter().rev() {
            let queue = &mut self.queues[index];
            queue.busy = false;
            if let Some(earlier) = &queue.held_behind {
                let failure = Failure::HeldBack(earlier.clone());
                self.failed.push((queued.row.key.clone(), failure));
                continue;
            }
            queued.last_error = Some(error);
            queue.rows.push_front(queued);
            touched.push(index);
        }
        touched.sort_unstable();
        touched.dedup();
        for index in touched {
            let queue = &mut self.queues[index];
            queue.failures += 1;
            queue.not_before = Some(pause(queue.failures));
        }
    }

    /// A row failed for this invocation, and holds back the later ones of its
    /// aggregate.
    fn fail(&mut self, index: usize, key: RowKey, failure: Failure) {
        let queue = &mut self.queues[index];
        queue.held_behind.get_or_insert_with(|| key.clone());
        let held_back = queue.rows.drain(..);
        let failures =
            held_back.map(|later| (later.row.key.clone(), Failure::HeldBack(key.clone())));
        self.failed.extend(failures);
        self.failed.push((key, failure));
    }

    /// A row seems to be at fault itself. It does not hold back the later ones:
    /// it is about to be parked.
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

impl Queue {
    fn is_ready(&self, now: Instant) -> bool {
        !self.busy && !self.rows.is_empty() && self.not_before.is_none_or(|time| time <= now)
    }

    /// How many from the front may go together.
    fn sendable(&self) -> usize {
        match self.rows.iter().position(|queued| queued.goes_alone) {
            Some(0) => 1,
            Some(before) => before,
            None => self.rows.len(),
        }
    }
}

/// What a request has room for.
#[derive(Clone, Copy)]
struct Room {
    entries: usize,
    most_entries: usize,
    bytes_left: usize,
}

impl Room {
    fn of(limits: BusLimits) -> Self {
        Self {
            entries: 0,
            most_entries: limits.entries,
            bytes_left: limits.bytes,
        }
    }

    /// Takes a row in, if there is room for it.
    fn admits(&mut self, queued: &Queued) -> bool {
        let most_entries = self.most_entries.min(queued.largest_request);
        let bytes = queued.row.entry_bytes();
        if self.entries >= most_entries || bytes > self.bytes_left {
            return false;
        }
        self.most_entries = most_entries;
        self.entries += 1;
        self.bytes_left -= bytes;
        true
    }
}
