//! Records that go to the function together.

use jiff::{SignedDuration, Timestamp};

use crate::{record::Record, response::Verdict, settings::Settings};

/// First and longest pause before a batch is retried. AWS documents that it
/// waits longer each time, not how long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// Failed invocations that count towards `MaximumRetryAttempts`.
    failures: u32,
    /// Invocations of these records.
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
            invocations: 0,
            not_before: None,
        }
    }

    /// Takes out the records at the front that are older than the mapping
    /// allows.
    pub(crate) fn take_expired(&mut self, settings: &Settings, now: Timestamp) -> Option<Self> {
        let oldest = settings.maximum_record_age?;
        let is_expired = |record: &&Record| now.duration_since(record.created_at) > oldest;
        let expired = self.records.iter().take_while(is_expired).count();
        (expired > 0).then(|| Self {
            records: self.records.drain(..expired).collect(),
            ..*self
        })
    }

    /// What has to be tried again after an invocation that failed.
    pub(crate) fn after(mut self, verdict: &Verdict, settings: &Settings, now: Timestamp) -> Rest {
        match *verdict {
            Verdict::Success => return Rest::Again(Vec::new()),
            Verdict::FailureFrom(index) if index > 0 => {
                self.records.drain(..index);
                if settings.bisect_batch_on_function_error {
                    // The cut is a split, and a split does not use up a retry.
                    self.not_before = Some(now + self.pause());
                    return Rest::Again(vec![self]);
                }
            }
            Verdict::CompleteFailure
                if settings.bisect_batch_on_function_error && self.records.len() > 1 =>
            {
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
        self.not_before = Some(now + self.pause());
        Rest::Again(vec![self])
    }

    /// The batch again, after an invocation that did not reach the function:
    /// that does not count.
    pub(crate) fn unreached(mut self, now: Timestamp) -> Self {
        self.not_before = Some(now + self.pause());
        self
    }

    fn halves(mut self, now: Timestamp) -> Vec<Self> {
        let not_before = Some(now + self.pause());
        let second = self.records.split_off(self.records.len().div_ceil(2));
        let half = |records| Self {
            records,
            not_before,
            ..self
        };
        vec![half(std::mem::take(&mut self.records)), half(second)]
    }

    fn pause(&self) -> SignedDuration {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
    }
}
