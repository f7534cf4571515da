//! Decides which events go to the bus together, and when. No I/O: the time is an argument.
//!
//! An aggregate's events form a queue, in sequence. A request takes whole queues where they
//! fit. While it is in flight, nothing else of its aggregates is sent, so the events of
//! an aggregate stay in order; different aggregates are sent in parallel.

mod attempt;
mod others;
mod queue;
mod results;

use std::{collections::HashMap, sync::Arc};

use jiff::SignedDuration;
use tokio::time::Instant;

pub(super) use self::attempt::REJECTED_FOR;
use self::{
    attempt::Attempt,
    queue::{Queue, Queued, Room},
};
use crate::{
    OutboxRow, RowKey,
    ports::{BusLimits, Poison},
    relay::{Failure, Halt, Order, poison::Sendable, retry::Retries},
};

/// The events that are not on the bus yet, and what became of the others.
pub(super) struct Schedule {
    limits: BusLimits,
    order: Order,
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
    /// How many events were in requests without a response.
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

    /// Returns how many requests with one of the rows got no response.
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
    pub(super) fn new(
        limits: BusLimits,
        order: Order,
        retries: Retries,
        poison_left: usize,
    ) -> Self {
        let several_of_aggregate = limits.several_of_aggregate && order != Order::Strict;
        Self {
            limits: BusLimits {
                several_of_aggregate,
                ..limits
            },
            order,
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

    fn enqueue(&mut self, sendable: Sendable) {
        let Sendable {
            row,
            bytes,
            failed_before,
        } = sendable;
        let aggregate_id = row.key.aggregate_id.clone();
        let index = *self.queue_of.entry(aggregate_id).or_insert_with(|| {
            self.queues.push(Queue::default());
            self.queues.len() - 1
        });
        self.queues[index].rows.push_back(Queued {
            row,
            bytes,
            largest_request: self.limits.entries,
            failed_before,
            first_sent: None,
            last_error: None,
            unanswered: 0,
            goes_alone: failed_before,
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
            let sendable = queue.sendable(self.limits);
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
                queued.sent(now);
                request.queued.push((index, queued));
            }
        }
        (!request.queued.is_empty()).then_some(request)
    }

    /// Returns whether a row is not sent yet.
    pub(super) fn has_rows(&self) -> bool {
        self.queues.iter().any(|queue| !queue.rows.is_empty())
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

    /// Fails a row for this invocation, and with it the later ones of its aggregate.
    fn fail(&mut self, index: usize, key: RowKey, failure: Failure) {
        self.hold_behind(index, &key);
        self.failed.push((key, failure));
    }

    /// Sends nothing more of an aggregate behind this row.
    fn hold_behind(&mut self, index: usize, key: &RowKey) {
        let queue = &mut self.queues[index];
        queue.held_behind.get_or_insert_with(|| key.clone());
        let held_back = queue.rows.drain(..);
        let failures =
            held_back.map(|later| (later.row.key.clone(), Failure::HeldBack(key.clone())));
        self.failed.extend(failures);
    }
}

#[cfg(test)]
mod tests;
