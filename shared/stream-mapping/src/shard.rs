use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    batch::{Batch, Rest},
    function_arn::function_arn,
    lane::{Cut, Lane as LaneState},
    metrics::Metrics,
    on_failure::{Condition, Invocation, OnFailure, Place},
    progress::Progress,
    record::Record,
    response::{self, Verdict},
    sequence_number::SequenceNumber,
    settings::{InvalidSettings, Settings},
};

/// One shard of a stream, and how far its records have come.
///
/// # The rules
///
/// | rule | AWS's page |
/// |---|---|
/// | A batch goes to the function as soon as it holds `BatchSize` records or 6 MB, or the batching window is over. | [batching] |
/// | Records that match no filter are dropped before batches are made. | [filtering] |
/// | `ParallelizationFactor` batches are with the function at once; the records of one item (its partition and sort key) stay in order. | [streams] |
/// | Without `ReportBatchItemFailures` every response is a success, whatever is in it. | [streams] |
/// | With it: a response that is empty, `null`, `{}`, `[]` or `""`, or whose `batchItemFailures` are empty or `null`, is a success. | [partial], recorded |
/// | The lowest reported sequence number is the checkpoint: everything from it on is retried. | [partial] |
/// | If that moves the checkpoint, the counts of retries and invocations and the pauses start afresh for the rest, with bisecting and without: three retries follow on a try that has none before it. If the first record is reported, the batch has failed as by an error. | recorded |
/// | An `itemIdentifier` that is empty, `null`, or under another name fails the whole batch. | [partial] |
/// | An error of the function fails the whole batch. | [streams] |
/// | With `BisectBatchOnFunctionError` a batch that failed is halved, and the halves are tried; a split uses up no retry. | [streams] |
/// | With both, after a partial failure the batch is cut at the checkpoint, and only the rest is retried. | [partial] |
/// | A batch is retried until it is done, `MaximumRetryAttempts` are used up, or its records are older than `MaximumRecordAgeInSeconds`. | [streams] |
/// | An invocation that does not reach the function (throttled, not found) uses up no retry. | [streams] |
/// | The next batching window begins when the invocation before has ended. | [batching] |
/// | Nothing behind a failing batch is tried before it, and each retry waits longer. | [streams] |
/// | What is given up is reported to the `OnFailure` destination, where it lies in the stream and, except to a bucket, not what it holds; then the shard goes on. Without a destination it is dropped. | [streams] |
/// | The message's `approximateInvokeCount` is the number of invocations since the checkpoint moved; for `RecordAgeExceeded` it is one more, so 1 if there was none, and there is no `responseContext`. | recorded |
/// | The message's `functionArn` is an ARN, however the function was named. | recorded |
/// | If the destination cannot be reached, the records are dropped. | [metrics] |
///
/// "Recorded" is what Lambda did when it was tried, in November 2025; its pages
/// don't say it. What neither they nor recordings say is listed in
/// [`undocumented`](crate::undocumented), with the choice made.
///
/// [batching]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
/// [filtering]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
/// [streams]: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
/// [partial]: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
/// [metrics]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
#[derive(Debug)]
pub struct Shard {
    place: Place,
    settings: Settings,
    lanes: Vec<LaneState>,
    progress: Progress,
    metrics: Metrics,
}

/// Which of the batches that are under way at once; told back with what came of
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane(usize);

/// What to do next.
#[derive(Debug)]
pub enum Action<'s> {
    /// Invoke the function with these records, then tell
    /// [`completed`](Shard::completed). Meanwhile ask again: another batch may
    /// go to the function at the same time.
    Invoke(Lane, &'s [Record]),
    /// Send the message to the on-failure destination, then tell
    /// [`on_failure_sent`](Shard::on_failure_sent) or
    /// [`on_failure_lost`](Shard::on_failure_lost).
    SendOnFailure(Lane, &'s OnFailure),
    /// Nothing before this time, unless more is read or an invocation ends.
    WaitUntil(Timestamp),
    /// Nothing until more is read or an invocation ends.
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

/// What follows from an invocation, in records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consequence {
    /// Done with.
    pub done: usize,
    /// To be tried again: the sizes of the batches.
    pub again: Vec<usize>,
    /// Not tried again before this.
    pub not_before: Option<Timestamp>,
    /// Given up.
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

/// What a lane has to do.
enum Next {
    Invoke,
    SendOnFailure,
    WaitUntil(Timestamp),
    Idle,
}

impl Shard {
    /// Creates a shard that nothing was read from yet. The stream's ARN and the
    /// function, by name or ARN, are for messages alone.
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

    /// Takes in what was read from the stream now, in its order. Records the
    /// filter does not let pass are dropped.
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

    /// What to do now. What was answered once is not answered again until it is
    /// told what came of it, but for a message to the destination, which stands
    /// until it is sent.
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

    /// The invocation has ended. Answers what follows from it; nothing, if there
    /// was no invocation in this lane.
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
        let count = batch.records.len();
        let verdict = match outcome {
            Outcome::NotReached => {
                self.metrics.failed_invoke_event_count += count as u64;
                let batch = batch.later(now);
                let consequence = Consequence::again(0, std::slice::from_ref(&batch));
                lane.batches.push_front(batch);
                return consequence;
            }
            Outcome::FunctionError => Verdict::CompleteFailure,
            Outcome::Answered { payload } if self.settings.report_batch_item_failures => {
                response::read(payload, &batch.records)
            }
            Outcome::Answered { .. } => Verdict::Success,
        };
        let done = match verdict {
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
        match batch.after(&verdict, &self.settings, now) {
            Rest::Again(batches) => {
                let consequence = Consequence::again(done, &batches);
                for batch in batches.into_iter().rev() {
                    lane.batches.push_front(batch);
                }
                lane.begin_window(now);
                consequence
            }
            Rest::Exhausted(batch) => {
                let given_up = batch.records.len();
                lane.begin_window(now);
                self.give_up(index, batch, Condition::RetryAttemptsExhausted, now);
                Consequence {
                    done,
                    given_up,
                    ..Consequence::default()
                }
            }
        }
    }

    /// The destination has the message.
    pub fn on_failure_sent(&mut self, lane: Lane) {
        let told = self.let_go(lane);
        self.metrics.on_failure_destination_delivered_event_count += told;
    }

    /// The destination cannot be told: the records are gone.
    pub fn on_failure_lost(&mut self, lane: Lane) {
        self.metrics.dropped_event_count += self.let_go(lane);
    }

    /// The place up to which everything is done: where to go on reading after a
    /// restart.
    pub fn checkpoint(&self) -> Option<&SequenceNumber> {
        self.progress.checkpoint()
    }

    /// Records read and not done yet.
    pub fn backlog(&self) -> usize {
        self.lanes.iter().map(LaneState::backlog).sum()
    }

    /// What was counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// An item's records share a lane, which keeps them in order.
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

    /// Puts the batch to try next in front, giving up what has expired.
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
                match lane.cut_batch(&self.settings, now) {
                    Cut::Batch(batch) => lane.batches.push_back(batch),
                    Cut::NotBefore(time) => return Next::WaitUntil(time),
                    Cut::Nothing => return Next::Idle,
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

    fn give_up(&mut self, index: usize, batch: Batch, condition: Condition, now: Timestamp) {
        let on_failure = OnFailure::new(batch, condition, &self.place, now);
        self.lanes[index].on_failure = Some(on_failure);
        if !self.settings.has_on_failure_destination {
            self.on_failure_lost(Lane(index));
        }
    }

    /// Goes on behind what was given up, and tells how much that was.
    fn let_go(&mut self, Lane(index): Lane) -> u64 {
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
