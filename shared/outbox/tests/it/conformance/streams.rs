//! DynamoDB Streams as a stub with a clock of its own, for what dynoxide doesn't do: shards
//! that end, trimming, and iterators that expire.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;
use outbox::{OutboxRow, RowKey, aws::DynamoDbStreams};
use outbox_conformance::stream::{Fixture, conforms};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{answer, error, operation};
use crate::aws::stubs::streams;

const ARN: &str =
    "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/2026-11-24T09:00:00.000";
const SHARD: &str = "shardId-00000001573689847184-864758bb";
const RETENTION: Duration = Duration::from_hours(24);
const LIFE_OF_AN_ITERATOR: Duration = Duration::from_mins(15);

/// The most records of a page; every other page is empty.
const PAGE: usize = 7;

#[derive(Default)]
struct State {
    now: Duration,
    /// Whether a row is parked.
    rows: BTreeMap<RowKey, bool>,
    records: Vec<Record>,
    has_ended: bool,
    reads: usize,
}

struct Record {
    at: Duration,
    event_name: &'static str,
    key: RowKey,
}

impl State {
    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        let (operation, body) = operation(request);
        match operation.as_str() {
            "GetShardIterator" => self.open(&body),
            "GetRecords" => self.read(body["ShardIterator"].as_str().unwrap()),
            other => panic!("{other} is unknown"),
        }
    }

    fn tell(&mut self, event_name: &'static str, key: &RowKey) {
        let (at, key) = (self.now, key.clone());
        self.records.push(Record {
            at,
            event_name,
            key,
        });
    }

    /// The position of the first record that is not trimmed.
    fn horizon(&self) -> usize {
        let is_trimmed = |record: &Record| self.now > record.at + RETENTION;
        self.records.partition_point(is_trimmed)
    }

    fn iterator(&self, position: usize) -> String {
        format!("{position} {}", self.now.as_secs())
    }

    fn open(&self, body: &Value) -> ResponseTemplate {
        if body["StreamArn"] != ARN || body["ShardId"] != SHARD {
            return error("ResourceNotFoundException");
        }
        let wanted = body["SequenceNumber"].as_str().unwrap();
        let position = (0..self.records.len()).find(|position| number(*position) == wanted);
        let Some(position) = position else {
            return error("ValidationException");
        };
        if position < self.horizon() {
            return error("TrimmedDataAccessException");
        }
        let after = usize::from(body["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER");
        answer(&json!({"ShardIterator": self.iterator(position + after)}))
    }

    fn read(&mut self, iterator: &str) -> ResponseTemplate {
        let (position, issued) = iterator.split_once(' ').unwrap();
        let position: usize = position.parse().unwrap();
        let issued = Duration::from_secs(issued.parse().unwrap());
        if self.now >= issued + LIFE_OF_AN_ITERATOR {
            return error("ExpiredIteratorException");
        }
        if position < self.horizon() {
            return error("TrimmedDataAccessException");
        }
        self.reads += 1;
        let most = if self.reads % 2 == 1 { 0 } else { PAGE };
        let end = self.records.len().min(position + most);
        let records: Vec<Value> = (position..end).map(|at| self.record(at)).collect();
        let is_over = self.has_ended && end == self.records.len();
        let next = (!is_over).then(|| self.iterator(end));
        answer(&json!({"Records": records, "NextShardIterator": next}))
    }

    fn record(&self, position: usize) -> Value {
        let Record {
            event_name, key, ..
        } = &self.records[position];
        json!({
            "eventName": event_name,
            "dynamodb": {
                "SequenceNumber": number(position),
                "Keys": {
                    "aggregateId": {"S": key.aggregate_id},
                    "position": {"S": key.position},
                },
            },
        })
    }
}

/// The sequence number of a record. After a few records it has one digit more.
fn number(position: usize) -> String {
    (10_u128.pow(24) - 20 + 3 * position as u128).to_string()
}

struct Stub {
    reader: DynamoDbStreams,
    state: Arc<Mutex<State>>,
    _server: MockServer,
}

impl Stub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn begin() -> Stub {
    let state: Arc<Mutex<State>> = Arc::default();
    let server = MockServer::start().await;
    let respond = {
        let state = Arc::clone(&state);
        move |request: &Request| state.lock().unwrap().respond(request)
    };
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    Stub {
        reader: DynamoDbStreams::new(streams(*server.address())),
        state,
        _server: server,
    }
}

impl Fixture for Stub {
    type Reader = DynamoDbStreams;

    fn reader(&self) -> &DynamoDbStreams {
        &self.reader
    }

    fn stream_arn(&self) -> String {
        ARN.to_owned()
    }

    async fn shard_id(&self) -> String {
        SHARD.to_owned()
    }

    async fn first_number(&self) -> String {
        number(self.state().horizon())
    }

    async fn put(&self, row: &OutboxRow) {
        let mut state = self.state();
        state.rows.insert(row.key.clone(), false);
        state.tell("INSERT", &row.key);
    }

    async fn park(&self, key: &RowKey) {
        let mut state = self.state();
        if state.rows.get(key) == Some(&false) {
            state.rows.insert(key.clone(), true);
            state.tell("MODIFY", key);
        }
    }

    async fn delete(&self, key: &RowKey) {
        let mut state = self.state();
        if state.rows.remove(key).is_some() {
            state.tell("REMOVE", key);
        }
    }

    async fn edit(&self, key: &RowKey) {
        let mut state = self.state();
        state.rows.insert(key.clone(), false);
        state.tell("MODIFY", key);
        state.tell("INSERT", &key.replaced(Timestamp::UNIX_EPOCH));
    }

    async fn discard(&self, key: &RowKey) {
        let mut state = self.state();
        state.rows.remove(key);
        state.tell("REMOVE", key);
        state.tell("INSERT", &key.discarded());
    }

    async fn end(&self) {
        self.state().has_ended = true;
    }

    async fn pass(&self, time: Duration) {
        self.state().now += time;
    }
}

#[tokio::test]
async fn the_reader_conforms() {
    conforms(begin, &[]).await;
}
