use std::collections::VecDeque;

use jiff::Timestamp;

use crate::{
    batch::{Batch, Rest},
    on_failure::{Condition, Invocation, OnFailure},
    record::Record,
    response::{self, Verdict},
    sequence_number::SequenceNumber,
    settings::{InvalidSettings, Settings},
};

/// Bytes of the records of one invocation: Lambda's 6 MB payload less what
/// surrounds them.
const MOST_BATCH_BYTES: usize = 6 * 1024 * 1024 - 1024;

/// One shard of a stream, and how far its records have come.
#[derive(Debug)]
pub struct Shard {
    id: String,
    stream_arn: String,
    settings: Settings,
    /// Read and not in a batch yet.
    buffer: VecDeque<Record>,
    /// To be tried, in order; the first may be with the function now.
    batches: VecDeque<Batch>,
    invoked: bool,
    /// Given up, waiting for the destination.
    on_failure: Option<OnFailure>,
    last_invocation: Invocation,
    /// The last record read, passed or not.
    last_read: Option<SequenceNumber>,
    /// The last record that is done with.
    last_done: Option<SequenceNumber>,
}

/// What to do next.
#[derive(Debug)]
pub enum Action<'s> {
    /// Invoke the function with these records, then tell
    /// [`completed`](Shard::completed).
    Invoke(&'s [Record]),
    /// Send the message to the on-failure destination, then tell
    /// [`on_failure_sent`](Shard::on_failure_sent).
    SendOnFailure(&'s OnFailure),
    /// Nothing before this time.
    WaitUntil(Timestamp),
    /// Nothing until more is read, or until the invocation has ended.
    Idle,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered.
    Answered {
        /// Its answer, JSON text.
        payload: String,
    },
    /// The function failed: an error, a panic, a timeout.
    FunctionError,
    /// The batch did not reach the function: throttled, no connection.
    NotReached,
}

impl Shard {
    /// A shard nothing was read from yet.
    ///
    /// # Errors
    ///
    /// If a setting is outside of what AWS allows.
    pub fn new(
        id: impl Into<String>,
        stream_arn: impl Into<String>,
        settings: Settings,
    ) -> Result<Self, InvalidSettings> {
        settings.check()?;
        Ok(Self {
            id: id.into(),
            stream_arn: stream_arn.into(),
            settings,
            buffer: VecDeque::new(),
            batches: VecDeque::new(),
            invoked: false,
            on_failure: None,
            last_invocation: Invocation::default(),
            last_read: None,
            last_done: None,
        })
    }

    /// Takes in what was read from the stream, in its order. Records the filter
    /// does not let pass are dropped.
    pub fn push(&mut self, records: Vec<Record>) {
        if let Some(last) = records.last() {
            self.last_read = Some(last.sequence_number.clone());
        }
        let passing = records
            .into_iter()
            .filter(|record| self.settings.filter.passes(&record.event_name));
        self.buffer.extend(passing);
    }

    /// What to do now. Asking again without telling what came of it changes
    /// nothing.
    pub fn next(&mut self, now: Timestamp) -> Action<'_> {
        if self.invoked {
            return Action::Idle;
        }
        self.prepare(now);
        if let Some(on_failure) = &self.on_failure {
            return Action::SendOnFailure(on_failure);
        }
        match self.batches.front_mut() {
            None => Action::Idle,
            Some(Batch {
                not_before: Some(time),
                ..
            }) if *time > now => Action::WaitUntil(*time),
            Some(batch) => {
                self.invoked = true;
                batch.invocations += 1;
                Action::Invoke(&batch.records)
            }
        }
    }

    /// The invocation has ended.
    pub fn completed(&mut self, outcome: &Outcome, invocation: &Invocation, now: Timestamp) {
        if !std::mem::take(&mut self.invoked) {
            return;
        }
        let Some(batch) = self.batches.pop_front() else {
            return;
        };
        self.last_invocation = invocation.clone();
        let verdict = match outcome {
            Outcome::NotReached => return self.batches.push_front(batch.unreached(now)),
            Outcome::FunctionError => Verdict::CompleteFailure,
            Outcome::Answered { payload } if self.settings.report_batch_item_failures => {
                response::read(payload, &batch.records)
            }
            Outcome::Answered { .. } => Verdict::Success,
        };
        let done = match verdict {
            Verdict::Success => batch.records.len(),
            Verdict::FailureFrom(index) => index,
            Verdict::CompleteFailure => 0,
        };
        if let Some(record) = done.checked_sub(1).map(|index| &batch.records[index]) {
            self.last_done = Some(record.sequence_number.clone());
        }
        match batch.after(&verdict, &self.settings, now) {
            Rest::Again(batches) => {
                for batch in batches.into_iter().rev() {
                    self.batches.push_front(batch);
                }
            }
            Rest::Exhausted(batch) => {
                self.give_up(batch, Condition::RetryAttemptsExhausted, now);
            }
        }
    }

    /// The destination has the message.
    pub fn on_failure_sent(&mut self) {
        if let Some(on_failure) = self.on_failure.take() {
            self.passed(&on_failure.batch);
        }
    }

    /// The place up to which everything is done: where to go on reading after a
    /// restart.
    pub fn checkpoint(&self) -> Option<&SequenceNumber> {
        if self.backlog() == 0 {
            // What was read last may have been filtered out.
            return self.last_read.as_ref();
        }
        self.last_done.as_ref()
    }

    /// Records read and not done yet.
    pub fn backlog(&self) -> usize {
        let in_batches: usize = self.batches.iter().map(|batch| batch.records.len()).sum();
        let given_up = self.on_failure.as_ref();
        self.buffer.len() + in_batches + given_up.map_or(0, |failure| failure.batch.records.len())
    }

    fn cut_batch(&mut self) -> Option<Batch> {
        let mut bytes = 0;
        let fitting = self
            .buffer
            .iter()
            .take(self.settings.batch_size)
            .take_while(|record| {
                bytes += record.bytes + 1;
                bytes <= MOST_BATCH_BYTES
            })
            .count();
        let count = fitting.max(1).min(self.buffer.len());
        (count > 0).then(|| Batch::new(self.buffer.drain(..count).collect()))
    }

    /// Puts the batch to try next in front, giving up what has expired.
    fn prepare(&mut self, now: Timestamp) {
        while self.on_failure.is_none() {
            if self.batches.is_empty() {
                let Some(batch) = self.cut_batch() else {
                    return;
                };
                self.batches.push_back(batch);
            }
            if !self.give_up_expired(now) {
                return;
            }
        }
    }

    fn give_up_expired(&mut self, now: Timestamp) -> bool {
        let Some(batch) = self.batches.front_mut() else {
            return false;
        };
        let Some(expired) = batch.take_expired(&self.settings, now) else {
            return false;
        };
        if batch.records.is_empty() {
            self.batches.pop_front();
        }
        self.give_up(expired, Condition::RecordAgeExceeded, now);
        true
    }

    fn give_up(&mut self, batch: Batch, condition: Condition, now: Timestamp) {
        if !self.settings.has_on_failure_destination {
            return self.passed(&batch);
        }
        let place = (self.id.as_str(), self.stream_arn.as_str());
        self.on_failure = Some(OnFailure::new(
            batch,
            condition,
            &self.last_invocation,
            place,
            now,
        ));
    }

    fn passed(&mut self, batch: &Batch) {
        if let Some(record) = batch.records.last() {
            self.last_done = Some(record.sequence_number.clone());
        }
    }
}
