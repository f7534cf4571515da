//! What is around a relay, in memory: as strict as AWS is.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use outbox::{
    Candidate, Clock, OutboxRow, Parked, RowKey,
    limits::entry_bytes,
    ports::{
        BusLimits, CallError, DELETE_KEYS, DeadLetter, DeadLetterQueue, DeadLetters, Depth,
        EntryError, EventBus, LOOK_UP_KEYS, Message, OutboxTable, Page, Place, Poison, PutResult,
        RowState, Segment, ShardPosition, StoredRow, StreamError, StreamPage, StreamReader,
        StreamRecord,
    },
    relay::Relay,
    replay::Letter,
};
use tokio::time::Instant;

pub(crate) const LIMITS: BusLimits = BusLimits {
    entries: 10,
    bytes: 256 * 1024,
};

/// What keeps things from working.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    #[default]
    Fair,
    NoBus,
    /// The bus finds fault with every event.
    Refused,
    /// The table answers no look-up.
    Silent,
}

/// Handles of one world share it.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) weather: Weather,
    /// What is in the table.
    pub(crate) rows: BTreeMap<RowKey, Arc<OutboxRow>>,
    /// Why and since when rows are set aside.
    pub(crate) parked: BTreeMap<RowKey, Parked>,
    /// What the bus has, in order of arrival.
    pub(crate) published: Vec<Arc<OutboxRow>>,
    pub(crate) deleted: HashSet<RowKey>,
    pub(crate) letters: Vec<DeadLetter>,
    /// Whether a row that nobody wrote counts as one that is there.
    pub(crate) has_every_row: bool,
    /// The one shard of the table's stream.
    pub(crate) shard: Vec<StreamRecord>,
    /// The dead-letter queue, with the time until which each message is hidden.
    pub(crate) queue: Vec<(Message, Instant)>,
}

/// The wall clock of a world whose time is tokio's.
struct WorldClock(Instant);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        start() + SignedDuration::try_from(self.0.elapsed()).unwrap_or_default()
    }
}

pub(crate) fn start() -> Timestamp {
    Timestamp::constant(1_795_510_800, 500_000_000)
}

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn relay(&self) -> Relay<World, World, World> {
        let clock = Arc::new(WorldClock(Instant::now()));
        Relay::new(self.clone(), self.clone(), self.clone())
            .with_time_and_chance(clock, fastrand::Rng::with_seed(7))
    }
}

impl State {
    fn row_state(&self, key: &RowKey) -> RowState {
        if self.parked.contains_key(key) {
            RowState::Parked
        } else if self.deleted.contains(key) {
            RowState::Absent
        } else if let Some(row) = self.rows.get(key) {
            match row.edits {
                0 => RowState::Pending,
                edits => RowState::Edited(edits),
            }
        } else if self.has_every_row {
            RowState::Pending
        } else {
            RowState::Absent
        }
    }

    fn stored_row(&self, (key, row): (&RowKey, &Arc<OutboxRow>)) -> StoredRow {
        StoredRow {
            candidate: Candidate {
                key: key.clone(),
                row: Ok(Arc::clone(row)),
                written_at: None,
            },
            parked: self.parked.get(key).cloned(),
        }
    }

    fn hide(&mut self, messages: &[Message], visibility: Duration) {
        let until = Instant::now() + visibility;
        for (message, hidden_until) in &mut self.queue {
            if messages.iter().any(|hidden| hidden.id == message.id) {
                *hidden_until = until;
            }
        }
    }
}

/// Whether DynamoDB takes it: it refuses a request whole for one key that it
/// does not.
pub(crate) fn is_key(key: &RowKey) -> bool {
    (1..=2048).contains(&key.aggregate_id.len()) && (1..=1024).contains(&key.position.len())
}

fn assert_keys(keys: &[RowKey], most: usize) {
    assert!((1..=most).contains(&keys.len()), "{} keys", keys.len());
    assert!(keys.iter().all(is_key), "{keys:?}");
    let distinct: HashSet<&RowKey> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "twice in {keys:?}");
}

impl EventBus for World {
    fn limits(&self) -> BusLimits {
        LIMITS
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        Ok(self.state().weather != Weather::NoBus)
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        assert!((1..=LIMITS.entries).contains(&rows.len()));
        let bytes: usize = rows.iter().map(|row| entry_bytes(row)).sum();
        assert!(bytes <= LIMITS.bytes, "{bytes} bytes");
        let mut state = self.state();
        assert_ne!(state.weather, Weather::NoBus, "put on no bus");
        for row in rows {
            assert!(!row.source.is_empty() && !row.detail_type.is_empty());
            assert!(row.detail.trim_start().starts_with('{'), "{}", row.detail);
            assert!(!state.parked.contains_key(&row.key), "set aside");
        }
        if state.weather == Weather::Refused {
            let poison = Poison {
                code: "InvalidArgument".to_owned(),
                message: "no".to_owned(),
            };
            let refused = PutResult::Rejected(EntryError::Content(poison));
            return Ok(vec![refused; rows.len()]);
        }
        state.published.extend(rows.iter().cloned());
        Ok(vec![PutResult::Accepted; rows.len()])
    }
}

impl OutboxTable for World {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        assert_keys(keys, LOOK_UP_KEYS);
        let state = self.state();
        if state.weather == Weather::Silent {
            return Err(CallError::Transient("silent".to_owned()));
        }
        let states = keys.iter().map(|key| (key.clone(), state.row_state(key)));
        Ok(states.collect())
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        assert_keys(keys, DELETE_KEYS);
        let mut state = self.state();
        for key in keys {
            let is_published = state.published.iter().any(|row| row.key == *key);
            assert!(is_published, "{key} is deleted, but not published");
            state.rows.remove(key);
            state.deleted.insert(key.clone());
        }
        Ok(Vec::new())
    }

    async fn park(&self, key: &RowKey, _: Option<u64>, mark: &Parked) -> Result<(), CallError> {
        let mut state = self.state();
        let is_told = state.letters.iter().any(|letter| letter.key == *key);
        assert!(is_told, "{key} is set aside without a letter");
        assert!(!mark.code().is_empty());
        state.parked.insert(key.clone(), mark.clone());
        Ok(())
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        assert_eq!(after, None, "a page has all there is");
        let state = self.state();
        let rows = state.rows.iter().filter(|_| segment.index == 0);
        let rows = rows.map(|row| state.stored_row(row)).collect();
        Ok(Page { rows, next: None })
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        assert!(!aggregate_id.is_empty());
        let state = self.state();
        let rows = state.rows.iter().filter(|(key, _)| {
            key.aggregate_id == aggregate_id
                && after.is_none_or(|after| *key > after)
                && through.is_none_or(|through| *key <= through)
        });
        let rows = rows.map(|row| state.stored_row(row)).collect();
        Ok(Page { rows, next: None })
    }
}

impl DeadLetters for World {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let body = serde_json::to_string(letter).expect("a letter is JSON");
        let read = Letter::parse(&body);
        assert_eq!(read, Ok(Letter::Reference(letter.clone())), "{body}");
        self.state().letters.push(letter.clone());
        Ok(())
    }
}

/// The table of these worlds, as AWS names it.
pub(crate) const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox";

/// The shard of its stream.
pub(crate) const SHARD: &str = "shardId-00000001795510800000-11111111";

impl StreamReader for World {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        assert!(place.stream_arn.starts_with(TABLE_ARN), "a foreign stream");
        let (ShardPosition::At(number) | ShardPosition::After(number)) = place.from;
        let state = self.state();
        let mut numbers = state.shard.iter().map(|record| &record.sequence_number);
        let gone = StreamError::Gone("trimmed".to_owned());
        let found = numbers.position(|known| known == number && place.shard_id == SHARD);
        let at = found.ok_or(gone)?;
        let behind = usize::from(matches!(place.from, ShardPosition::After(_)));
        Ok((at + behind).to_string())
    }

    /// Pages of two records.
    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        let at: usize = iterator.parse().map_err(|_| StreamError::Expired)?;
        let state = self.state();
        let records: Vec<StreamRecord> = state.shard.iter().skip(at).take(2).cloned().collect();
        let next = (at + records.len()).to_string();
        let is_end = records.is_empty();
        Ok(StreamPage {
            records,
            next: (!is_end).then_some(next),
        })
    }
}

impl DeadLetterQueue for World {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        assert!((1..=10).contains(&most));
        let now = Instant::now();
        let mut state = self.state();
        let visible = state.queue.iter().filter(|(_, until)| *until <= now);
        let received: Vec<Message> = visible.take(most).map(|(one, _)| one.clone()).collect();
        state.hide(&received, visibility);
        Ok(received)
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        self.state().hide(messages, visibility);
        Ok(())
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let is_deleted = |id: &String| messages.iter().any(|message| message.id == *id);
        let mut state = self.state();
        state.queue.retain(|(message, _)| !is_deleted(&message.id));
        Ok(Vec::new())
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let visible = self.state().queue.len();
        Ok(Depth { visible, hidden: 0 })
    }
}
