//! Records that go to the function together.

use jiff::Timestamp;

use crate::{
    on_failure::Invocation,
    record::Record,
    response::Verdict,
    settings::Settings,
    undocumented::{self, STREAM_RETENTION},
};

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// Failed invocations that count towards `MaximumRetryAttempts`.
    failures: u32,
    /// Tries in a row that moved no checkpoint and split nothing.
    pauses: u32,
    /// The last invocation that reached the function.
    pub(crate) last_invocation: Option<Invocation>,
    /// Invocations that reached the function with these records since the
    /// checkpoint stands before them.
    pub(crate) invocations: u32,
    /// Not before this.
    pub(crate) not_before: Option<Timestamp>,
}

/// What is left of a batch after an invocation.
pub(crate) enum Rest {
    /// To be tried, in this order.
    Again(Vec<Batch>),
    /// To be given up.
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

    /// Takes out the records at the front that are older than the mapping
    /// allows.
    pub(crate) fn take_expired(&mut self, settings: &Settings, now: Timestamp) -> Option<Self> {
        let oldest = settings
            .maximum_record_age
            .map_or(STREAM_RETENTION, |oldest| oldest.min(STREAM_RETENTION));
        let is_expired = |record: &&Record| now.duration_since(record.created_at) > oldest;
        let expired = self.records.iter().take_while(is_expired).count();
        (expired > 0).then(|| self.with(expired))
    }

    /// What has to be tried again after an invocation that reached the
    /// function.
    pub(crate) fn after(mut self, verdict: &Verdict, settings: &Settings, now: Timestamp) -> Rest {
        let bisect = settings.bisect_batch_on_function_error;
        match *verdict {
            Verdict::Success => return Rest::Again(Vec::new()),
            Verdict::FailureFrom(index) if index > 0 => {
                // The checkpoint has moved: what is left is a batch like any
                // that was never tried, whether or not bisecting is on.
                let rest = Self::new(self.records.split_off(index));
                return Rest::Again(vec![rest.later(now)]);
            }
            Verdict::FailureFrom(_)
                if bisect && undocumented::HALVE_WHEN_THE_FIRST_RECORD_FAILS =>
            {
                if self.records.len() > 1 {
                    return Rest::Again(self.halves(now));
                }
            }
            Verdict::CompleteFailure if bisect && self.records.len() > 1 => {
                return Rest::Again(self.halves(now));
            }
            Verdict::FailureFrom(_) | Verdict::CompleteFailure => {}
        }
        self.failures += 1;
        if settings
            .maximum_retry_attempts
            .is_some_and(|attempts| self.failures > attempts)
        {
            return Rest::Exhausted(self);
        }
        Rest::Again(vec![self.later(now)])
    }

    /// The same again after a pause. An invocation that did not reach the
    /// function leads here directly: it does not count.
    pub(crate) fn later(mut self, now: Timestamp) -> Self {
        self.pauses += 1;
        self.not_before = Some(now + undocumented::pause(self.pauses));
        self
    }

    fn halves(mut self, now: Timestamp) -> Vec<Self> {
        self.pauses = 0;
        let first = self.with(self.records.len().div_ceil(2));
        vec![first.later(now), self.later(now)]
    }

    /// Takes out some records from the front, with all that is known of them.
    fn with(&mut self, count: usize) -> Self {
        Self {
            records: self.records.drain(..count).collect(),
            last_invocation: self.last_invocation.clone(),
            ..*self
        }
    }
}
