//! The records of one invocation, and what is left of them after it.

use jiff::Timestamp;

use crate::{
    invocation::Invocation,
    record::Record,
    response::Verdict,
    settings::Settings,
    undocumented::{self, STREAM_RETENTION},
};

/// Records that are sent to the function together, with their history.
#[derive(Debug)]
pub(crate) struct Batch {
    /// In the order of the shard.
    pub(crate) records: Vec<Record>,
    /// Failed invocations that count towards `MaximumRetryAttempts`.
    failures: u32,
    /// Consecutive attempts that neither moved the checkpoint nor split the batch.
    pauses: u32,
    /// The last invocation that reached the function.
    pub(crate) last_invocation: Option<Invocation>,
    /// Invocations that reached the function with these records since the checkpoint
    /// moved last.
    pub(crate) invocations: u32,
    /// The earliest time of the next attempt.
    pub(crate) not_before: Option<Timestamp>,
}

/// What is left of a batch after an invocation.
pub(crate) enum Remainder {
    /// Batches to retry, in this order.
    Retry(Vec<Batch>),
    /// A batch without retries left.
    Exhausted(Batch),
}

impl Batch {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        Self {
            records,
            failures: 0,
            pauses: 0,
            last_invocation: None,
            invocations: 0,
            not_before: None,
        }
    }

    /// Removes and returns the records at the front that are older than the mapping
    /// allows.
    pub(crate) fn take_expired(&mut self, settings: &Settings, now: Timestamp) -> Option<Self> {
        let oldest = settings
            .maximum_record_age
            .map_or(STREAM_RETENTION, |oldest| oldest.min(STREAM_RETENTION));
        let is_expired = |record: &&Record| now.duration_since(record.created_at) > oldest;
        let expired = self.records.iter().take_while(is_expired).count();
        (expired > 0).then(|| self.split_front(expired))
    }

    /// Returns what to retry after an invocation that reached the function.
    pub(crate) fn after(
        mut self,
        verdict: &Verdict,
        settings: &Settings,
        now: Timestamp,
    ) -> Remainder {
        let bisect = settings.bisect_batch_on_function_error;
        match *verdict {
            Verdict::Success => return Remainder::Retry(Vec::new()),
            Verdict::FailureFrom(index) if index > 0 => {
                // The checkpoint has moved, so the rest counts as never attempted, with
                // and without bisecting.
                let rest = Self::new(self.records.split_off(index));
                return Remainder::Retry(vec![rest.later(now)]);
            }
            // There is nothing before the first record to cut off.
            Verdict::FailureFrom(_)
                if bisect && undocumented::HALVE_WHEN_THE_FIRST_RECORD_FAILS =>
            {
                if self.records.len() > 1 {
                    return Remainder::Retry(self.halves(now));
                }
            }
            Verdict::CompleteFailure if bisect && self.records.len() > 1 => {
                return Remainder::Retry(self.halves(now));
            }
            Verdict::FailureFrom(_) | Verdict::CompleteFailure => {}
        }
        self.failures += 1;
        if settings
            .maximum_retry_attempts
            .is_some_and(|attempts| self.failures > attempts)
        {
            return Remainder::Exhausted(self);
        }
        Remainder::Retry(vec![self.later(now)])
    }

    /// Returns the batch to retry after a pause. An invocation that did not reach the
    /// function leads here directly, since it uses up no retry.
    pub(crate) fn later(mut self, now: Timestamp) -> Self {
        self.pauses += 1;
        self.not_before = Some(now + undocumented::pause(self.pauses));
        self
    }

    /// Splits the batch. Both halves keep the counts of the whole.
    fn halves(mut self, now: Timestamp) -> Vec<Self> {
        self.pauses = 0;
        let first = self.split_front(self.records.len().div_ceil(2));
        vec![first.later(now), self.later(now)]
    }

    /// Removes and returns records from the front as a batch with the same history.
    fn split_front(&mut self, count: usize) -> Self {
        Self {
            records: self.records.drain(..count).collect(),
            last_invocation: self.last_invocation.clone(),
            ..*self
        }
    }
}
