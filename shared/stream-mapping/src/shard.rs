//! One shard of a stream: the state machine of its batches.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    batch::{Batch, Remainder},
    function_arn::function_arn,
    invocation::Invocation,
    lane::{LaneState, NextBatch},
    metrics::Metrics,
    on_failure::{Condition, OnFailure, Place},
    progress::Progress,
    record::Record,
    response::{self, Verdict},
    sequence_number::SequenceNumber,
    settings::{InvalidSettings, Settings},
};

/// One shard of a stream, with the state of its records.
///
/// # The rules
///
/// | rule | AWS's page |
/// |---|---|
/// | A batch is sent to the function as soon as it has `BatchSize` records or 6 MB, or the batching window has ended. | [batching] |
/// | Records that match no filter are dropped before batches are formed. | [filtering] |
/// | `ParallelizationFactor` batches are in flight at once; the records of one item (its partition and sort key) stay in order. | [streams] |
/// | Without `ReportBatchItemFailures` every response is a success, regardless of its content. | [streams] |
/// | With it: a response that is empty, `null`, `{}`, `[]` or `""`, or whose `batchItemFailures` are empty or `null`, is a success. | [partial], recorded |
/// | The lowest reported sequence number is the checkpoint: everything from it on is retried. | [partial] |
/// | If that moves the checkpoint, the counts of retries and invocations and the pauses are reset for the rest, with and without bisecting: the first attempt of the rest is not a retry. If the first record is reported, the batch counts as failed by an error. | recorded |
/// | An `itemIdentifier` that is empty, `null`, or under another name fails the whole batch. | [partial] |
/// | An error of the function fails the whole batch. | [streams] |
/// | With `BisectBatchOnFunctionError` a failed batch is split, and the halves are retried; a split uses up no retry. | [streams] |
/// | With both, after a partial failure the batch is cut at the checkpoint, and only the rest is retried. | [partial] |
/// | A batch is retried until it is done, `MaximumRetryAttempts` are used up, or its records are older than `MaximumRecordAgeInSeconds`. | [streams] |
/// | An invocation that does not reach the function (throttled, not found) uses up no retry. | [streams] |
/// | The next batching window begins when the previous invocation has ended. | [batching] |
/// | A failing batch blocks the batches behind it, and the pause before each retry grows. | [streams] |
/// | Records that are given up are reported to the `OnFailure` destination: their position in the stream and, only for a bucket, the records. Then the shard continues. Without a destination they are dropped. | [streams] |
/// | The message's `approximateInvokeCount` is the number of invocations since the checkpoint moved; for `RecordAgeExceeded` it is one more, so 1 if there was none, and there is no `responseContext`. | recorded |
/// | The message's `functionArn` is an ARN, even if the function was given by its name. | recorded |
/// | If the destination cannot be reached, the records are dropped. | [metrics] |
///
/// "Recorded" is behaviour of Lambda that was observed in November 2025 and is not
/// documented. [`undocumented`](crate::undocumented) lists what neither the
/// documentation nor recordings answer, with the choice made.
///
/// [batching]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
/// [filtering]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
/// [streams]: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
/// [partial]: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
/// [metrics]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
#[derive(Debug)]
pub struct Shard {
    /// The ids for failure messages.
    place: Place,
    settings: Settings,
    /// As many as the `ParallelizationFactor`.
    lanes: Vec<LaneState>,
    progress: Progress,
    metrics: Metrics,
}

/// Names one of the lanes, each of which has at most one batch in flight. The caller
/// passes it back with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane(usize);

/// What to do next.
#[derive(Debug)]
pub enum Action<'s> {
    /// Invoke the function with these records, then call
    /// [`completed`](Shard::completed). Call [`next`](Shard::next) meanwhile: another
    /// batch may be ready to be sent at the same time.
    Invoke(Lane, &'s [Record]),
    /// Send the message to the on-failure destination, then call
    /// [`on_failure_sent`](Shard::on_failure_sent) or
    /// [`on_failure_lost`](Shard::on_failure_lost).
    SendOnFailure(Lane, &'s OnFailure),
    /// Nothing until this time, unless records are read or an invocation ends.
    WaitUntil(Timestamp),
    /// Nothing until records are read or an invocation ends.
    Idle,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function returned a response.
    Answered {
        /// The response as JSON text.
        payload: String,
    },
    /// The function failed: an error, a panic, a timeout.
    FunctionError,
    /// The batch did not reach the function: throttled, no connection.
    NotReached,
}

/// The consequence of an invocation, in records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consequence {
    /// How many are done.
    pub done: usize,
    /// The sizes of the batches to retry.
    pub again: Vec<usize>,
    /// The earliest time of the retry.
    pub not_before: Option<Timestamp>,
    /// How many are given up.
    pub given_up: usize,
}

impl Consequence {
    fn again(done: usize, batches: &[Batch]) -> Self {
        Self {
            done,
            again: batches.iter().map(|batch| batch.records.len()).collect(),
            not_before: batches.first().and_then(|batch| batch.not_before),
            given_up: 0,
        }
    }
}

/// The next action of a lane.
enum Next {
    Invoke,
    SendOnFailure,
    WaitUntil(Timestamp),
    Idle,
}

impl Shard {
    /// Creates a shard without records. The stream's ARN and the function's name or ARN
    /// are used only in failure messages.
    ///
    /// # Errors
    ///
    /// If a setting is outside of what AWS allows, or not supported.
    pub fn new(
        id: impl Into<String>,
        stream_arn: impl Into<String>,
        function: impl AsRef<str>,
        settings: Settings,
    ) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let lanes = settings.parallelization_factor;
        let stream_arn = stream_arn.into();
        Ok(Self {
            place: Place {
                shard_id: id.into(),
                function_arn: function_arn(function.as_ref(), &stream_arn),
                stream_arn,
            },
            settings,
            lanes: std::iter::repeat_with(LaneState::default)
                .take(lanes)
                .collect(),
            progress: Progress::default(),
            metrics: Metrics::default(),
        })
    }

    /// Adds records that were read from the stream, in its order. Records that do not
    /// pass the filter are dropped.
    pub fn push(&mut self, records: Vec<Record>, now: Timestamp) {
        for record in records {
            self.metrics.polled_event_count += 1;
            let passes = self.settings.filter.passes(&record.json);
            self.progress.read(record.sequence_number.clone(), !passes);
            if passes {
                let lane = self.lane_of(&record);
                self.lanes[lane].push(record, &self.settings, now);
            } else {
                self.metrics.filtered_out_event_count += 1;
            }
        }
    }

    /// Returns the next action. A batch is returned once, until its result is passed to
    /// [`completed`](Self::completed). A message to the destination is returned until
    /// it is sent or lost.
    pub fn next(&mut self, now: Timestamp) -> Action<'_> {
        let mut wake_at: Option<Timestamp> = None;
        let mut turn = None;
        for index in 0..self.lanes.len() {
            match self.next_of(index, now) {
                next @ (Next::Invoke | Next::SendOnFailure) => {
                    turn = Some((index, next));
                    break;
                }
                Next::WaitUntil(time) => {
                    wake_at = Some(wake_at.map_or(time, |earlier| earlier.min(time)));
                }
                Next::Idle => {}
            }
        }
        match turn {
            Some((index, Next::Invoke)) => self.invoke(index, now),
            Some((index, _)) => match &self.lanes[index].on_failure {
                Some(on_failure) => Action::SendOnFailure(Lane(index), on_failure),
                None => Action::Idle,
            },
            None => wake_at.map_or(Action::Idle, Action::WaitUntil),
        }
    }

    /// Takes the result of an invocation and returns its consequence, which is empty if
    /// there was no invocation in this lane.
    pub fn completed(
        &mut self,
        Lane(index): Lane,
        outcome: &Outcome,
        invocation: &Invocation,
        now: Timestamp,
    ) -> Consequence {
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.invoked) else {
            return Consequence::default();
        };
        lane.invoked = false;
        let Some(mut batch) = lane.batches.pop_front() else {
            return Consequence::default();
        };
        let Some(verdict) = self.verdict(outcome, &batch) else {
            return self.retry_later(index, batch, now);
        };
        let done = self.note_invocation(&mut batch, &verdict, invocation);
        match batch.after(&verdict, &self.settings, now) {
            Remainder::Retry(batches) => self.retry(index, done, batches, now),
            Remainder::Exhausted(batch) => self.exhaust(index, done, batch, now),
        }
    }

    /// Notes that the destination has the message.
    pub fn on_failure_sent(&mut self, lane: Lane) {
        let count = self.release(lane);
        self.metrics.on_failure_destination_delivered_event_count += count;
    }

    /// Notes that the message could not be sent: the records are dropped.
    pub fn on_failure_lost(&mut self, lane: Lane) {
        self.metrics.dropped_event_count += self.release(lane);
    }

    /// Returns the last record up to which all are done: reading continues after it if
    /// the caller restarts.
    pub fn checkpoint(&self) -> Option<&SequenceNumber> {
        self.progress.checkpoint()
    }

    /// Returns the number of records that were read and are not done yet.
    pub fn backlog(&self) -> usize {
        self.lanes.iter().map(LaneState::backlog).sum()
    }

    /// Returns the counts so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the lane of a record, by a hash of its key: an item's records share a
    /// lane, which keeps them in order.
    fn lane_of(&self, record: &Record) -> usize {
        let mut hasher = DefaultHasher::new();
        let keys = record.json.pointer("/dynamodb/Keys");
        let keys: BTreeMap<&String, String> = keys
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value.to_string()))
            .collect();
        keys.hash(&mut hasher);
        let lanes = self.lanes.len() as u64;
        usize::try_from(hasher.finish() % lanes).unwrap_or_default()
    }

    /// Returns what an invocation says about its batch, or `None` if the batch didn't reach
    /// the function.
    fn verdict(&self, outcome: &Outcome, batch: &Batch) -> Option<Verdict> {
        match outcome {
            Outcome::NotReached => None,
            Outcome::FunctionError => Some(Verdict::CompleteFailure),
            Outcome::Answered { payload } if self.settings.report_batch_item_failures => {
                Some(response::read(payload, &batch.records))
            }
            Outcome::Answered { .. } => Some(Verdict::Success),
        }
    }

    /// Notes an invocation that reached the function: in the batch's history, the counts and
    /// the checkpoint. Returns how many records are done.
    fn note_invocation(
        &mut self,
        batch: &mut Batch,
        verdict: &Verdict,
        invocation: &Invocation,
    ) -> usize {
        let count = batch.records.len();
        let done = match *verdict {
            Verdict::Success => count,
            Verdict::FailureFrom(index) => index,
            Verdict::CompleteFailure => 0,
        };
        batch.invocations += 1;
        batch.last_invocation = Some(invocation.clone());
        self.metrics.invoked_event_count += count as u64;
        self.metrics.failed_invoke_event_count += (count - done) as u64;
        for record in &batch.records[..done] {
            self.progress.done(&record.sequence_number);
        }
        done
    }

    /// Keeps a batch that didn't reach the function for a later attempt. The batching window
    /// isn't begun: nothing of the batch was processed.
    fn retry_later(&mut self, index: usize, batch: Batch, now: Timestamp) -> Consequence {
        self.metrics.failed_invoke_event_count += batch.records.len() as u64;
        let batch = batch.later(now);
        let consequence = Consequence::again(0, std::slice::from_ref(&batch));
        self.lanes[index].batches.push_front(batch);
        consequence
    }

    /// Keeps what is left of a batch after an invocation; nothing, if all of it is done.
    fn retry(
        &mut self,
        index: usize,
        done: usize,
        batches: Vec<Batch>,
        now: Timestamp,
    ) -> Consequence {
        let consequence = Consequence::again(done, &batches);
        let lane = &mut self.lanes[index];
        for batch in batches.into_iter().rev() {
            lane.batches.push_front(batch);
        }
        lane.begin_window(now);
        consequence
    }

    /// Gives up a batch without retries left.
    fn exhaust(&mut self, index: usize, done: usize, batch: Batch, now: Timestamp) -> Consequence {
        let given_up = batch.records.len();
        self.lanes[index].begin_window(now);
        self.give_up(index, batch, Condition::RetryAttemptsExhausted, now);
        Consequence {
            done,
            given_up,
            ..Consequence::default()
        }
    }

    fn invoke(&mut self, index: usize, now: Timestamp) -> Action<'_> {
        let lane = &mut self.lanes[index];
        let Some(batch) = lane.batches.front() else {
            return Action::Idle;
        };
        lane.invoked = true;
        if let Some(last) = batch.records.last() {
            self.metrics.iterator_age = Some(now.duration_since(last.created_at));
        }
        Action::Invoke(Lane(index), &batch.records)
    }

    /// Returns the next action of a lane. Forms its next batch if there is none, and
    /// gives up expired records.
    fn next_of(&mut self, index: usize, now: Timestamp) -> Next {
        loop {
            let lane = &mut self.lanes[index];
            if lane.invoked {
                return Next::Idle;
            }
            if lane.on_failure.is_some() {
                return Next::SendOnFailure;
            }
            let Some(batch) = lane.batches.front_mut() else {
                match lane.next_batch(&self.settings, now) {
                    NextBatch::Batch(batch) => lane.batches.push_back(batch),
                    NextBatch::NotBefore(time) => return Next::WaitUntil(time),
                    NextBatch::Nothing => return Next::Idle,
                }
                continue;
            };
            if let Some(expired) = batch.take_expired(&self.settings, now) {
                if batch.records.is_empty() {
                    lane.batches.pop_front();
                }
                self.give_up(index, expired, Condition::RecordAgeExceeded, now);
                continue;
            }
            return match batch.not_before {
                Some(time) if time > now => Next::WaitUntil(time),
                _ => Next::Invoke,
            };
        }
    }

    /// Keeps records for the destination, or drops them if there is none.
    fn give_up(&mut self, index: usize, batch: Batch, condition: Condition, now: Timestamp) {
        let on_failure = OnFailure::new(batch, condition, &self.place, now);
        self.lanes[index].on_failure = Some(on_failure);
        if !self.settings.has_on_failure_destination {
            self.on_failure_lost(Lane(index));
        }
    }

    /// Continues after records that were given up. Returns how many there were.
    fn release(&mut self, Lane(index): Lane) -> u64 {
        let lane = self.lanes.get_mut(index);
        let Some(on_failure) = lane.and_then(|lane| lane.on_failure.take()) else {
            return 0;
        };
        let records = &on_failure.batch.records;
        for record in records {
            self.progress.done(&record.sequence_number);
        }
        records.len() as u64
    }
}
