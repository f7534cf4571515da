//! Drives a shard with a function until nothing is left to do.

use jiff::Timestamp;
use serde_json::{Value, json};
use stream_mapping::{
    Action, Invocation, Object, Outcome, Record, Settings, Shard, StartingPosition,
};
use uuid::Uuid;

pub(crate) const WRITTEN_AT: i64 = 1_795_510_800;

pub(crate) const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-central-1:123456789012:table/outbox/stream/2026-11-24T09:00:00.000";

/// Returns an insert. Records with the same key are about one item.
pub(crate) fn record_of(key: &str, number: u64) -> Record {
    Record::from_json(json!({
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": key}},
            "SequenceNumber": number.to_string(),
            "ApproximateCreationDateTime": WRITTEN_AT,
        },
    }))
    .unwrap()
}

/// Returns an insert of a new item.
pub(crate) fn record(number: u64) -> Record {
    record_of(&number.to_string(), number)
}

pub(crate) fn records(numbers: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    numbers.map(record).collect()
}

/// Returns settings with two retries and every feature enabled.
pub(crate) fn settings() -> Settings {
    Settings {
        maximum_retry_attempts: Some(2),
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        has_on_failure_destination: true,
        ..Settings::new(StartingPosition::TrimHorizon)
    }
}

pub(crate) fn shard(settings: Settings) -> Shard {
    Shard::new("shardId-1", STREAM_ARN, "relay:live", settings).unwrap()
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(WRITTEN_AT).unwrap()
}

pub(crate) fn invocation() -> Invocation {
    Invocation {
        request_id: "request-1".into(),
        executed_version: "7".into(),
        function_error: None,
    }
}

pub(crate) fn answer(payload: &str) -> Outcome {
    Outcome::Answered {
        payload: payload.into(),
    }
}

pub(crate) fn success() -> Outcome {
    answer("{}")
}

pub(crate) fn failure_from(number: u64) -> Outcome {
    let failures = json!({"batchItemFailures": [{"itemIdentifier": number.to_string()}]});
    answer(&failures.to_string())
}

pub(crate) fn numbers(batch: &[Record]) -> Vec<u64> {
    batch
        .iter()
        .map(|record| record.sequence_number().as_str().parse().unwrap())
        .collect()
}

/// Executes the shard's actions with a clock that jumps.
pub(crate) struct Drive {
    pub(crate) shard: Shard,
    pub(crate) now: Timestamp,
    /// The batches that the function received.
    pub(crate) batches: Vec<Vec<u64>>,
    /// The messages that the destination received.
    pub(crate) messages: Vec<Value>,
    /// The objects that a bucket would have received.
    pub(crate) objects: Vec<Object>,
}

/// The mapping's UUID in objects.
pub(crate) const MAPPING: Uuid = Uuid::from_u128(1);

/// The UUID of each object; outside of tests they are random.
pub(crate) const OBJECT: Uuid = Uuid::from_u128(2);

impl Drive {
    pub(crate) fn new(settings: Settings, records: Vec<Record>) -> Self {
        let mut shard = shard(settings);
        shard.push(records, start());
        Self {
            shard,
            now: start(),
            batches: Vec::new(),
            messages: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Runs until nothing is left to do. The function receives the number of earlier
    /// calls and the batch.
    pub(crate) fn run(&mut self, mut function: impl FnMut(usize, &[u64]) -> Outcome) {
        for _ in 0..100_000 {
            match self.shard.next(self.now) {
                Action::Idle => return,
                Action::WaitUntil(time) => self.now = time,
                Action::SendOnFailure(lane, failure) => {
                    self.messages.push(failure.message().clone());
                    self.objects.push(failure.object(MAPPING, OBJECT));
                    self.shard.on_failure_sent(lane);
                }
                Action::Invoke(lane, batch) => {
                    let batch = numbers(batch);
                    let outcome = function(self.batches.len(), &batch);
                    self.batches.push(batch);
                    self.shard
                        .completed(lane, &outcome, &invocation(), self.now);
                }
            }
        }
        panic!("the shard does not come to rest");
    }

    /// Returns the first and last record of each message, in order.
    pub(crate) fn given_up(&self) -> Vec<(u64, u64)> {
        let number = |message: &Value, name: &str| {
            let number = message["DDBStreamBatchInfo"][name].as_str().unwrap();
            number.parse().unwrap()
        };
        self.messages
            .iter()
            .map(|message| {
                (
                    number(message, "startSequenceNumber"),
                    number(message, "endSequenceNumber"),
                )
            })
            .collect()
    }

    pub(crate) fn checkpoint(&self) -> u64 {
        let checkpoint = self.shard.checkpoint();
        checkpoint.map_or(0, |number| number.as_str().parse().unwrap())
    }
}
