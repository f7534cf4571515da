//! What the result of a request means for its rows, and for those behind them.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{AcceptedEvent, Request, Schedule, attempt::Attempt, queue::Queued};
use crate::{
    RowKey,
    ports::{EntryError, Poison, PutResult},
    relay::{Failure, poison::rejected_alone, retry::Retries},
};

/// After how many requests without a response a row is not sent again by the same call.
const MOST_UNANSWERED: usize = 2;

/// What is wrong with a response that doesn't say what became of an event.
const NO_RESULT: &str = "the bus returned no result for it";

impl Schedule {
    /// Takes in the results of a request, which the bus returned at this time. `pause`
    /// returns until when an aggregate pauses after so many consecutive failures.
    /// Returns the rows that the bus accepted.
    pub(in crate::relay) fn answered(
        &mut self,
        request: Request,
        results: Vec<PutResult>,
        at: Timestamp,
        pause: impl Fn(u32) -> Instant,
    ) -> Vec<RowKey> {
        let results = results
            .into_iter()
            .chain(std::iter::repeat(PutResult::Unanswered));
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
                PutResult::Unanswered => {
                    queued.goes_alone = true;
                    retried.extend(self.without_answer(attempt, index, queued, NO_RESULT));
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
    pub(in crate::relay) fn failed_for_now(
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

    /// Takes in that a request got no response, so that the bus may have accepted its events.
    pub(in crate::relay) fn unanswered(
        &mut self,
        request: Request,
        error: &str,
        pause: impl Fn(u32) -> Instant,
    ) {
        let Request { queued, attempt } = request;
        let mut retried = Vec::new();
        for (index, queued) in queued {
            self.queues[index].busy = false;
            retried.extend(self.without_answer(attempt, index, queued, error));
        }
        self.put_back(attempt, retried, pause);
    }

    /// Takes in that the bus may have accepted a row. Returns it if it is sent again by this call,
    /// which may make another duplicate.
    fn without_answer(
        &mut self,
        attempt: Attempt,
        index: usize,
        mut queued: Queued,
        error: &str,
    ) -> Option<(usize, Queued, String)> {
        self.events_unanswered += 1;
        queued.unanswered += 1;
        let error = format!("{error}: the bus may have accepted it");
        if queued.unanswered < MOST_UNANSWERED {
            return Some((index, queued, error));
        }
        let failure =
            if self.retries == Retries::UntilLeftToSweeper && attempt.is_among_others(&queued) {
                Failure::RejectedAmongOthers(error)
            } else {
                Failure::Unanswered
            };
        self.fail(index, queued.row.key.clone(), failure);
        None
    }

    /// Returns why a row that the bus did not accept for now is not sent again, if it isn't.
    fn gives_up(&self, attempt: Attempt, row: &Queued) -> Option<Failure> {
        let error = || row.last_error.clone().unwrap_or_default();
        match self.retries {
            Retries::UntilLeftToSweeper if attempt.is_among_others(row) => {
                Some(Failure::RejectedAmongOthers(error()))
            }
            #[cfg(feature = "at-once")]
            Retries::Never if row.unanswered > 0 => Some(Failure::Unanswered),
            #[cfg(feature = "at-once")]
            Retries::Never => Some(Failure::NotAccepted(error())),
            _ => None,
        }
    }

    /// Takes in that the bus rejected a request as a whole for its content.
    pub(in crate::relay) fn rejected_for_content(&mut self, request: Request, error: &str) {
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
            if let Some(earlier) = &queue.held_behind
                && earlier.precedes(&queued.row.key)
            {
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
        let Some(failure) = front.and_then(|row| self.gives_up(attempt, row)) else {
            return false;
        };
        if let Some(row) = self.queues[index].rows.pop_front() {
            self.fail(index, row.row.key.clone(), failure);
        }
        true
    }

    /// Takes in that the bus rejected a row for its content. It will be parked, which holds later
    /// rows of its aggregate if order is kept.
    fn suspect(&mut self, index: usize, queued: Queued, poison: Poison) {
        if !self.count_poison() {
            let failure = Failure::TooManyPoisoned(poison);
            self.fail(index, queued.row.key.clone(), failure);
            return;
        }
        if self.order.is_kept() {
            self.hold_behind(index, &queued.row.key);
        }
        self.suspects.push((queued.row, poison));
    }
}
