//! The world around a relay, in memory, by tokio's time.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use outbox::{
    Candidate, Clock, OutboxRow, Parked, RowKey, Unreadable,
    limits::entry_bytes,
    ports::{
        BusLimits, CallError, DeadLetter, DeadLetters, EntryError, EventBus, Message, OutboxTable,
        Page, Poison, PutResult, RowState, Segment, StoredRow, StreamError, StreamRecord,
    },
    relay::Relay,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Responds to a request to the bus; `None` accepts everything.
type Answer = Box<dyn FnMut(&[RowKey]) -> Option<Result<Vec<PutResult>, CallError>> + Send>;

/// The world around a relay. Cloned handles share it.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) bus_exists: Result<bool, CallError>,
    pub(crate) exists_calls: usize,
    pub(crate) answer: Option<Answer>,
    pub(crate) put_latency: Duration,
    /// Every request, with its time.
    pub(crate) requests: Vec<(Instant, Vec<RowKey>)>,
    /// Every event the bus has, in order of arrival.
    pub(crate) published: Vec<RowKey>,
    pub(crate) rows: BTreeMap<RowKey, RowState>,
    /// The rows as they were written; a row that is missing is not readable.
    pub(crate) written: HashMap<RowKey, Arc<OutboxRow>>,
    pub(crate) scan_errors: VecDeque<CallError>,
    pub(crate) query_errors: VecDeque<CallError>,
    pub(crate) scan_latency: Duration,
    /// Rows of a page.
    pub(crate) page: usize,
    pub(crate) look_ups: Vec<Vec<RowKey>>,
    pub(crate) look_up_errors: VecDeque<CallError>,
    pub(crate) look_up_latency: Duration,
    /// Pages of the table that were read.
    pub(crate) scans: usize,
    /// How many deletes were requested.
    pub(crate) deletes: usize,
    pub(crate) delete_errors: VecDeque<CallError>,
    pub(crate) park_errors: VecDeque<CallError>,
    pub(crate) letter_errors: VecDeque<CallError>,
    pub(crate) letters: Vec<DeadLetter>,
    /// The dead-letter queue, with the time until which each message is hidden.
    pub(crate) queue: Vec<(Message, Option<Instant>)>,
    pub(crate) queue_errors: VecDeque<CallError>,
    pub(crate) queue_delete_errors: VecDeque<CallError>,
    pub(crate) receipts: usize,
    /// The shards of the stream; `None` stands for an empty page.
    pub(crate) shards: BTreeMap<String, Vec<Option<StreamRecord>>>,
    /// Whether shards have ended.
    pub(crate) shards_ended: bool,
    /// Whether an iterator at a record that is not there begins with what is.
    pub(crate) iterators_begin_anywhere: bool,
    pub(crate) stream_errors: VecDeque<StreamError>,
    /// How often the stream was read.
    pub(crate) stream_reads: usize,
    /// Calls that never return.
    pub(crate) hang: bool,
    /// What happened, in order: `put`, `delete`, `letter`, `park`.
    pub(crate) log: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            bus_exists: Ok(true),
            exists_calls: 0,
            answer: None,
            put_latency: Duration::from_millis(20),
            requests: Vec::new(),
            published: Vec::new(),
            rows: BTreeMap::new(),
            written: HashMap::new(),
            scan_errors: VecDeque::new(),
            query_errors: VecDeque::new(),
            scan_latency: Duration::ZERO,
            page: 100,
            look_ups: Vec::new(),
            look_up_errors: VecDeque::new(),
            look_up_latency: Duration::ZERO,
            scans: 0,
            deletes: 0,
            delete_errors: VecDeque::new(),
            park_errors: VecDeque::new(),
            letter_errors: VecDeque::new(),
            letters: Vec::new(),
            queue: Vec::new(),
            queue_errors: VecDeque::new(),
            queue_delete_errors: VecDeque::new(),
            receipts: 0,
            shards: BTreeMap::new(),
            shards_ended: false,
            iterators_begin_anywhere: false,
            stream_errors: VecDeque::new(),
            stream_reads: 0,
            hang: false,
            log: Vec::new(),
        }
    }
}

pub(crate) const LIMITS: BusLimits = BusLimits {
    entries: 10,
    bytes: 4_000,
};

pub(crate) fn start() -> Timestamp {
    "2026-11-24T09:00:00.5Z".parse().unwrap()
}

/// The wall clock of a world whose time is tokio's.
pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.0.elapsed()).unwrap();
        start().checked_add(elapsed).unwrap()
    }
}

impl World {
    pub(crate) fn relay(&self) -> Relay<World, World, World> {
        Relay::new(self.clone(), self.clone(), self.clone()).with_time_and_chance(
            Arc::new(TestClock(Instant::now())),
            fastrand::Rng::with_seed(7),
        )
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn answer(
        &self,
        answer: impl FnMut(&[RowKey]) -> Option<Result<Vec<PutResult>, CallError>> + Send + 'static,
    ) {
        self.with(|state| state.answer = Some(Box::new(answer)));
    }

    /// Writes a row now, and returns the record of its insert.
    pub(crate) fn insert(&self, aggregate: &str, sequence: u64) -> Candidate {
        self.insert_row(row(aggregate, sequence))
    }

    pub(crate) fn insert_row(&self, row: OutboxRow) -> Candidate {
        let row = Arc::new(row);
        self.with(|state| {
            state.rows.insert(row.key.clone(), RowState::Pending);
            state.written.insert(row.key.clone(), Arc::clone(&row));
        });
        Candidate {
            key: row.key.clone(),
            row: Ok(row),
            written_at: Some("2026-11-24T09:00:00Z".parse().unwrap()),
        }
    }

    pub(crate) fn published(&self) -> Vec<String> {
        self.with(|state| state.published.iter().map(ToString::to_string).collect())
    }

    pub(crate) fn pending(&self) -> Vec<String> {
        self.with(|state| {
            let pending = state
                .rows
                .iter()
                .filter(|(_, row)| **row == RowState::Pending);
            pending.map(|(key, _)| key.to_string()).collect()
        })
    }

    pub(crate) async fn hang_if_told(&self) {
        if self.with(|state| state.hang) {
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) fn row(aggregate: &str, sequence: u64) -> OutboxRow {
    row_with_detail(
        aggregate,
        sequence,
        &json!({"sequence": sequence}).to_string(),
    )
}

pub(crate) fn row_with_detail(aggregate: &str, sequence: u64, detail: &str) -> OutboxRow {
    let id = format!("019ad0c5-0a4c-7000-8000-{sequence:012}");
    serde_json::from_value(json!({
        "aggregateId": aggregate,
        "position": format!("{sequence:020}#{id}"),
        "v": 1,
        "sequence": sequence,
        "eventId": id,
        "source": "things",
        "detailType": "Renamed",
        "detail": detail,
        "committedAt": start().as_millisecond(),
    }))
    .unwrap()
}

/// The stream record of a row, as Lambda passes it on.
pub(crate) fn record(sequence_number: &str, candidate: &Candidate) -> Value {
    let row = candidate.row.as_deref().unwrap();
    let image: serde_dynamo::Item = serde_dynamo::to_item(row).unwrap();
    json!({
        "eventID": "1",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": candidate.written_at.map(Timestamp::as_second),
            "Keys": {
                "aggregateId": {"S": row.key.aggregate_id},
                "position": {"S": row.key.position},
            },
            "NewImage": image,
            "SequenceNumber": sequence_number,
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

pub(crate) fn transient() -> EntryError {
    EntryError::Transient("InternalFailure".into())
}

pub(crate) fn poison() -> EntryError {
    EntryError::Content(Poison {
        code: "InvalidArgument".into(),
        message: "no".into(),
    })
}

/// Accepts every entry except the one with the given name, `AGGREGATE/SEQUENCE`.
pub(crate) fn refuse(
    name: &str,
    error: EntryError,
) -> impl FnMut(&[RowKey]) -> Option<Result<Vec<PutResult>, CallError>> + use<> {
    let name = name.to_owned();
    move |keys| {
        let result = |key: &RowKey| {
            if key.to_string() == name {
                PutResult::Rejected(error.clone())
            } else {
                PutResult::Accepted
            }
        };
        Some(Ok(keys.iter().map(result).collect()))
    }
}

impl EventBus for World {
    fn limits(&self) -> BusLimits {
        LIMITS
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        self.hang_if_told().await;
        self.with(|state| {
            state.exists_calls += 1;
            state.bus_exists.clone()
        })
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        self.hang_if_told().await;
        let keys: Vec<RowKey> = rows.iter().map(|row| row.key.clone()).collect();
        assert!(keys.len() <= LIMITS.entries);
        let bytes: usize = rows.iter().map(|row| entry_bytes(row)).sum();
        assert!(bytes <= LIMITS.bytes);
        let latency = self.with(|state| {
            state.requests.push((Instant::now(), keys.clone()));
            state.put_latency
        });
        sleep(latency).await;
        self.with(|state| {
            let mut answer = state.answer.take();
            let results = answer
                .as_mut()
                .and_then(|answer| answer(&keys))
                .unwrap_or_else(|| Ok(vec![PutResult::Accepted; keys.len()]));
            state.answer = answer;
            if let Ok(results) = &results {
                for (key, result) in keys.iter().zip(results) {
                    if *result == PutResult::Accepted {
                        state.published.push(key.clone());
                        state.log.push(format!("put {key}"));
                    }
                }
            }
            results
        })
    }
}

impl OutboxTable for World {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        self.hang_if_told().await;
        sleep(self.with(|state| state.look_up_latency)).await;
        self.with(|state| {
            state.look_ups.push(keys.to_vec());
            if let Some(error) = state.look_up_errors.pop_front() {
                return Err(error);
            }
            let found = |key: &RowKey| state.rows.get(key).copied().unwrap_or(RowState::Absent);
            Ok(keys.iter().map(|key| (key.clone(), found(key))).collect())
        })
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        self.hang_if_told().await;
        assert!(keys.len() <= 25);
        self.with(|state| {
            state.deletes += 1;
            if let Some(error) = state.delete_errors.pop_front() {
                return Err(error);
            }
            for key in keys {
                assert!(state.published.contains(key), "deleted, but not published");
                state.rows.remove(key);
                state.log.push(format!("delete {key}"));
            }
            Ok(Vec::new())
        })
    }

    async fn park(&self, key: &RowKey, edits: Option<u64>, _: &Parked) -> Result<(), CallError> {
        self.with(|state| {
            if let Some(error) = state.park_errors.pop_front() {
                return Err(error);
            }
            let is_newer = |state: &RowState| {
                matches!(state, RowState::Edited(now) if edits.is_some_and(|edits| edits < *now))
            };
            if state.rows.get(key).is_some_and(is_newer) {
                return Ok(());
            }
            state.rows.insert(key.clone(), RowState::Parked);
            state.log.push(format!("park {key}"));
            Ok(())
        })
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        self.hang_if_told().await;
        sleep(self.with(|state| state.scan_latency)).await;
        self.with(|state| {
            state.scans += 1;
            if let Some(error) = state.scan_errors.pop_front() {
                return Err(error);
            }
            let in_segment = state
                .rows
                .iter()
                .filter(|(key, _)| segment_of(key, segment.of) == segment.index)
                .filter(|(key, _)| after.is_none_or(|after| *key > after));
            Ok(page(state, in_segment))
        })
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        self.hang_if_told().await;
        self.with(|state| {
            if let Some(error) = state.query_errors.pop_front() {
                return Err(error);
            }
            let wanted = state
                .rows
                .iter()
                .filter(|(key, _)| key.aggregate_id == aggregate_id)
                .filter(|(key, _)| after.is_none_or(|after| *key > after))
                .filter(|(key, _)| through.is_none_or(|through| *key <= through));
            Ok(page(state, wanted))
        })
    }
}

fn page<'s>(state: &State, rows: impl Iterator<Item = (&'s RowKey, &'s RowState)>) -> Page {
    let rows: Vec<StoredRow> = rows
        .take(state.page)
        .map(|(key, row)| StoredRow {
            candidate: Candidate {
                key: key.clone(),
                row: state
                    .written
                    .get(key)
                    .cloned()
                    .ok_or_else(|| Unreadable::Malformed("attribute \"v\" is missing".into())),
                written_at: None,
            },
            parked: (*row == RowState::Parked).then(|| Parked {
                reason: "InvalidArgument: no".into(),
                at: start(),
            }),
        })
        .collect();
    let is_full = rows.len() == state.page;
    let last = rows.last().filter(|_| is_full);
    let next = last.map(|last| last.candidate.key.clone());
    Page { rows, next }
}

/// Which segment an aggregate's rows are in.
fn segment_of(key: &RowKey, segments: u32) -> u32 {
    let sum: u32 = key.aggregate_id.bytes().map(u32::from).sum();
    sum % segments
}

impl DeadLetters for World {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        self.with(|state| {
            if let Some(error) = state.letter_errors.pop_front() {
                return Err(error);
            }
            state.log.push(format!("letter {}", letter.key));
            state.letters.push(letter.clone());
            Ok(())
        })
    }
}
