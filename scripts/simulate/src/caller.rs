//! The services, as a process of ours sees them: what it asks for happens, or not,
//! or it dies of asking.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use outbox::{
    OutboxRow, Parked, RowKey,
    relay::{
        Arrival, BusLimits, CallError, DeadLetter, DeadLetters, EntryError, EventBus, OutboxTable,
        Page, Poison, PutResult, RowState, Segment, StoredRow, Unreadable,
    },
    replay::{
        DeadLetterQueue, Depth, From, Message, Place, StreamError, StreamPage, StreamReader,
        StreamRecord,
    },
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    stream::Stream,
    truth::Actor,
    weather::{Fault, Operation},
    world::{Queued, Row, State, World},
};

/// Rows of a page of the table.
const PAGE: usize = 50;

/// A process of ours, and what it calls services with.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) world: World,
    /// The invocation that is under way.
    actor: Arc<AtomicU32>,
    death: Arc<Notify>,
}

/// What became of a call.
enum Outcome<T> {
    Answered(T),
    Failed(CallError),
}

impl Caller {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            actor: Arc::default(),
            death: Arc::default(),
        }
    }

    pub(crate) fn begin(&self) -> Actor {
        let actor = self.world.begin();
        self.actor.store(actor, Ordering::Relaxed);
        actor
    }

    pub(crate) fn actor(&self) -> Actor {
        self.actor.load(Ordering::Relaxed)
    }

    /// Waits until the process dies.
    pub(crate) async fn dies(&self) {
        self.death.notified().await;
    }

    async fn die(&self) -> ! {
        self.death.notify_one();
        loop {
            std::future::pending::<()>().await;
        }
    }

    /// A call: on its way, carried out, on its way back.
    async fn call<T>(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, CallError> {
        let (there, back, fault, dies_before) = self.world.with(|state| {
            state.counts.calls += 1;
            let fault = state
                .weather
                .strike(operation, &mut state.random, Instant::now());
            let mut latency = || Duration::from_millis(state.random.u64(1..15));
            let (there, mut back) = (latency(), latency());
            if fault == Some(Fault::Slow) {
                back += Duration::from_millis(state.random.u64(500..20_000));
            }
            (there, back, fault, state.random.bool())
        });
        if let Some(fault) = fault {
            let actor = self.actor();
            self.world
                .log(|| format!("{operation:?} of {actor} is struck by {fault:?}"));
        }
        sleep(there).await;
        let outcome = match fault {
            Some(Fault::Throttled) => Outcome::Failed(CallError::Transient("throttled".into())),
            Some(Fault::CutBefore) => Outcome::Failed(CallError::Transient("cut off".into())),
            Some(Fault::Denied) => Outcome::Failed(CallError::SetUp("access denied".into())),
            Some(Fault::Crash) if dies_before => self.die().await,
            _ => Outcome::Answered(self.world.with(|state| effect(state, fault))),
        };
        sleep(back).await;
        match (fault, outcome) {
            (Some(Fault::Crash), _) => self.die().await,
            (Some(Fault::CutAfter), Outcome::Answered(_)) => {
                Err(CallError::Transient("cut off".into()))
            }
            (_, Outcome::Answered(answer)) => Ok(answer),
            (_, Outcome::Failed(error)) => Err(error),
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.world.with(|state| state.bug == Some(bug))
    }
}

impl EventBus for Caller {
    fn limits(&self) -> BusLimits {
        BusLimits {
            entries: 10,
            bytes: 20_000,
        }
    }

    async fn exists(&self) -> Result<bool, CallError> {
        if self.has(Bug::NoBusCheck) {
            return Ok(true);
        }
        let exists = |state: &mut State, _| state.bus_gone_since.is_none();
        self.call(Operation::DescribeEventBus, exists).await
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        let by = self.actor();
        if self.has(Bug::DeleteBeforePublish) {
            self.world
                .with(|state| rows.iter().for_each(|row| state.delete(&row.key)));
        }
        let put = |state: &mut State, fault| -> Vec<PutResult> {
            let mut results = Vec::new();
            for row in rows {
                let result = put_one(state, row, by, fault);
                results.push(result);
            }
            if fault == Some(Fault::ShortList) {
                results.truncate(rows.len() / 2);
            }
            results
        };
        let answer = self.call(Operation::PutEvents, put).await;
        let results = self.as_the_bug_has_it(rows.len(), answer)?;
        // What was accepted is known to be so from now on.
        self.world.with(|state| {
            let told = rows.iter().zip(&results);
            for (row, _) in told.filter(|(_, result)| **result == PutResult::Accepted) {
                let truth = state.events.get_mut(&row.key);
                let accepted = truth.map(|truth| truth.accepted.iter_mut());
                for accepted in accepted.into_iter().flatten() {
                    accepted.is_answered |= accepted.by == by;
                }
            }
        });
        Ok(results)
    }
}

impl Caller {
    fn as_the_bug_has_it(
        &self,
        count: usize,
        answer: Result<Vec<PutResult>, CallError>,
    ) -> Result<Vec<PutResult>, CallError> {
        if self.has(Bug::IgnoreFailedEntryCount) {
            return answer.map(|_| vec![PutResult::Accepted; count]);
        }
        if self.has(Bug::AccessDeniedParks) {
            let as_poison = |error: EntryError| match error {
                EntryError::SetUp(message) => EntryError::Content(Poison {
                    code: "AccessDeniedException".into(),
                    message,
                }),
                other => other,
            };
            let results = answer?.into_iter().map(|result| match result {
                PutResult::Refused(error) => PutResult::Refused(as_poison(error)),
                PutResult::Accepted => PutResult::Accepted,
            });
            return Ok(results.collect());
        }
        answer
    }
}

fn put_one(state: &mut State, row: &OutboxRow, by: Actor, fault: Option<Fault>) -> PutResult {
    if fault == Some(Fault::Partial) && state.random.bool() {
        if let Some(truth) = state.events.get_mut(&row.key) {
            truth.was_refused = true;
        }
        let error = match state.random.u8(..8) {
            0 => EntryError::SetUp("NotAuthorizedForSourceException".into()),
            _ => EntryError::Transient("InternalFailure".into()),
        };
        return PutResult::Refused(error);
    }
    if state.poisoned.contains(&row.key) {
        return PutResult::Refused(EntryError::Content(Poison {
            code: "InvalidArgument".into(),
            message: "the bus does not like it".into(),
        }));
    }
    let is_set_aside = state
        .rows
        .get(&row.key)
        .is_some_and(|row| row.parked.is_some());
    if is_set_aside {
        state.violate("published what is set aside", Some(&row.key));
    }
    state.accept(row, by);
    PutResult::Accepted
}

impl OutboxTable for Caller {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        let lags = self.has(Bug::EventuallyConsistentLookUp);
        let absent_if_unprocessed = self.has(Bug::UnprocessedIsAbsent);
        let sees_no_marks = self.has(Bug::SweepParkedRows);
        let now = self.world.now();
        let look_up = |state: &mut State, fault| {
            let mut found = HashMap::new();
            for key in keys {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    if absent_if_unprocessed {
                        found.insert(key.clone(), RowState::Absent);
                    }
                    continue;
                }
                let committed_at = state.events.get(key).map(|truth| truth.committed_at);
                let is_new = committed_at.is_some_and(|at| now.duration_since(at).as_secs() < 10);
                let row = state.rows.get(key);
                let row = row.filter(|_| !(lags && is_new));
                found.insert(
                    key.clone(),
                    row.map_or(RowState::Absent, |row| match row.parked {
                        Some(_) if !sees_no_marks => RowState::Parked,
                        _ => match row.row.as_ref().map_or(0, |row| row.edits) {
                            0 => RowState::Pending,
                            edits => RowState::Edited(edits),
                        },
                    }),
                );
            }
            found
        };
        self.call(Operation::BatchGetItem, look_up).await
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        // Until it is known to be done.
        self.world
            .with(|state| keys.iter().for_each(|key| state.keep(key)));
        let now = self.world.now();
        let delete = |state: &mut State, fault| {
            let mut unprocessed = Vec::new();
            for key in keys {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    unprocessed.push(key.clone());
                } else {
                    state.delete(key);
                    state.tell_of("REMOVE", key, now);
                }
            }
            unprocessed
        };
        let actor = self.actor() as usize;
        let deleted = self.call(Operation::BatchWriteItem, delete).await;
        let all_deleted = deleted.as_ref().is_ok_and(Vec::is_empty);
        self.world
            .with(|state| state.lives[actor].could_not_delete |= !all_deleted);
        let unprocessed = deleted?;
        self.world.with(|state| {
            for key in keys.iter().filter(|key| !unprocessed.contains(key)) {
                if let Some(truth) = state.events.get_mut(key) {
                    truth.kept_at = None;
                }
            }
        });
        Ok(unprocessed)
    }

    async fn park(&self, key: &RowKey, mark: &Parked) -> Result<(), CallError> {
        let by = self.actor();
        let is_unconditional = self.has(Bug::UnconditionalPark);
        let now = self.world.now();
        let park = |state: &mut State, _| {
            if is_unconditional && !state.rows.contains_key(key) {
                state.bring_back(key, mark);
            }
            state.park(key, mark, by);
            state.tell_of("MODIFY", key, now);
        };
        self.call(Operation::UpdateItem, park).await
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let sweeps_parked = self.has(Bug::SweepParkedRows);
        let scan = |state: &mut State, _| {
            let wanted = state
                .rows
                .iter()
                .filter(|(key, _)| segment_of(key, segment.of) == segment.index)
                .filter(|(key, _)| after.is_none_or(|after| *key > after));
            let mut page = page(wanted);
            if sweeps_parked {
                page.rows.iter_mut().for_each(|row| row.parked = None);
            }
            page
        };
        self.call(Operation::Scan, scan).await
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        let query = |state: &mut State, _| {
            let wanted = state
                .rows
                .iter()
                .filter(|(key, _)| key.aggregate_id == aggregate_id)
                .filter(|(key, _)| after.is_none_or(|after| *key > after))
                .filter(|(key, _)| through.is_none_or(|through| *key <= through));
            page(wanted)
        };
        self.call(Operation::Query, query).await
    }
}

fn page<'s>(rows: impl Iterator<Item = (&'s RowKey, &'s Row)>) -> Page {
    let stored = |(key, row): (&RowKey, &Row)| StoredRow {
        arrival: Arrival {
            key: key.clone(),
            row: row.row.clone(),
            written_at: None,
        },
        parked: row.parked.clone(),
    };
    let rows: Vec<StoredRow> = rows.take(PAGE).map(stored).collect();
    let last = rows.last().filter(|_| rows.len() == PAGE);
    let next = last.map(|last| last.arrival.key.clone());
    Page { rows, next }
}

fn segment_of(key: &RowKey, segments: u32) -> u32 {
    let sum: u32 = key.aggregate_id.bytes().map(u32::from).sum();
    sum % segments
}

impl DeadLetters for Caller {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let by = self.actor();
        if self.has(Bug::ParkBeforeDeadLetter) {
            let mark = Parked {
                reason: letter.code.clone(),
                at: letter.at,
            };
            self.world.with(|state| state.park(&letter.key, &mark, by));
        }
        let now = self.world.now();
        let send = |state: &mut State, _| {
            let body = serde_json::to_string(letter).unwrap_or_default();
            state.send_letter(body, now);
            if let Some(truth) = state.events.get_mut(&letter.key) {
                truth.letters.insert(by);
            }
        };
        self.call(Operation::SendMessage, send).await
    }
}

impl DeadLetterQueue for Caller {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        let deletes = self.has(Bug::DeleteMessageFirst);
        let receive = |state: &mut State, _| {
            let now = Instant::now();
            let mut received = Vec::new();
            let mut receipt = state.new_id();
            for queued in &mut state.queue {
                if received.len() == most {
                    break;
                }
                if queued.hidden_until.is_none_or(|until| until <= now) {
                    receipt += 1;
                    queued.message.receipt = format!("{}/{receipt}", queued.message.id);
                    queued.hidden_until = Some(now + visibility);
                    received.push(queued.message.clone());
                }
            }
            if deletes {
                for message in &received {
                    state.delete_letter(&message.id);
                }
            }
            received
        };
        self.call(Operation::ReceiveMessage, receive).await
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        let hide = |state: &mut State, _| {
            let until = Instant::now() + visibility;
            for Queued {
                message,
                hidden_until,
            } in &mut state.queue
            {
                if messages.iter().any(|ours| ours.receipt == message.receipt) {
                    *hidden_until = Some(until);
                }
            }
        };
        self.call(Operation::ChangeMessageVisibility, hide).await
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let delete = |state: &mut State, fault| {
            let mut failed = Vec::new();
            for message in messages {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    failed.push(message.id.clone());
                } else {
                    state.delete_letter(&message.id);
                }
            }
            failed
        };
        self.call(Operation::DeleteMessage, delete).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let visible = self.world.with(|state| state.queue.len());
        Ok(Depth { visible, hidden: 0 })
    }
}

impl StreamReader for Caller {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let now = self.world.now();
        let open = |state: &mut State, _| state.open(place, now);
        let opened = self.call(Operation::GetShardIterator, open).await;
        opened.map_err(StreamError::Call)?
    }

    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        let now = self.world.now();
        let read = |state: &mut State, fault| state.read(iterator, fault, now);
        let page = self.call(Operation::GetRecords, read).await;
        page.map_err(StreamError::Call)?
    }
}

impl State {
    /// An iterator is the shard, a position in it, and, of a buggy reader, how many
    /// records it still reads and what it takes the last one for.
    fn open(&self, place: &Place<'_>, now: jiff::Timestamp) -> Result<String, StreamError> {
        let gone = |why: &str| StreamError::Gone(why.to_owned());
        if place.stream_arn != Stream::ARN {
            return Err(gone("there is no such stream"));
        }
        let shard = self.stream.shards.get(place.shard_id);
        let shard = shard.ok_or_else(|| gone("there is no such shard"))?;
        let (number, behind) = match place.from {
            From::At(number) => (number, 0),
            From::After(number) => (number, 1),
        };
        let position = shard
            .records
            .iter()
            .position(|record| record.number == number);
        let position = position.ok_or_else(|| gone("there is no such record"))? + behind;
        if position < self.stream.trimmed(place.shard_id, now) {
            if self.bug == Some(Bug::TrimmedIsSettled) {
                let end = self.end_of_pointer(place.shard_id, number);
                return Ok(format!("{} fake {number} {end}", place.shard_id));
            }
            return Err(gone("trimmed"));
        }
        if self.bug == Some(Bug::BatchSizeAsStop) && behind == 0 {
            let (end, size) = self.pointer_at(place.shard_id, number);
            return Ok(format!("{} {position} {size} {end}", place.shard_id));
        }
        Ok(format!("{} {position}", place.shard_id))
    }

    fn read(
        &mut self,
        iterator: &str,
        fault: Option<Fault>,
        now: jiff::Timestamp,
    ) -> Result<StreamPage, StreamError> {
        let parts: Vec<&str> = iterator.split(' ').collect();
        let told = |number: &str, inserted: Option<RowKey>| StreamRecord {
            sequence_number: number.to_owned(),
            inserted,
        };
        if let [_, "fake", start, end] = parts[..] {
            let records = vec![told(start, None), told(end, None)];
            return Ok(StreamPage {
                records,
                next: None,
            });
        }
        let shard_id = parts.first().copied().unwrap_or_default();
        let position: usize = parts.get(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        if position < self.stream.trimmed(shard_id, now) {
            return Err(StreamError::Gone("trimmed".into()));
        }
        let is_empty = fault == Some(Fault::Partial) || self.random.u8(..5) == 0;
        let Some(shard) = self.stream.shards.get(shard_id) else {
            return Err(StreamError::Gone("there is no such shard".into()));
        };
        let most = if is_empty {
            0
        } else {
            1 + self.random.usize(..20)
        };
        let rest = shard.records.get(position..).unwrap_or_default();
        let mut records: Vec<StreamRecord> = rest
            .iter()
            .take(most)
            .map(|record| told(&record.number, record.key.clone()))
            .collect();
        let next = position + records.len();
        if let [_, _, left, end] = parts[..] {
            let left: usize = left.parse().unwrap_or(0);
            if records.len() >= left {
                records.truncate(left);
                if let Some(last) = records.last_mut() {
                    end.clone_into(&mut last.sequence_number);
                }
            }
            let left = left.saturating_sub(records.len());
            let next = Some(format!("{shard_id} {next} {left} {end}"));
            return Ok(StreamPage { records, next });
        }
        let is_over = shard.has_ended && next == shard.records.len();
        let next = (!is_over).then(|| format!("{shard_id} {next}"));
        Ok(StreamPage { records, next })
    }

    /// The end of the range, and how many were given up, of a pointer in the queue.
    fn pointer_at(&self, shard: &str, start: &str) -> (String, usize) {
        let mut latest_first = self.queue.iter().rev();
        let pointer = latest_first.find_map(|queued| {
            let body: serde_json::Value = serde_json::from_str(&queued.message.body).ok()?;
            let batch = body.get("DDBStreamBatchInfo")?.clone();
            let is_it = batch["shardId"] == shard && batch["startSequenceNumber"] == start;
            is_it.then_some(batch)
        });
        pointer.map_or((start.to_owned(), 1), |batch| {
            let end = batch["endSequenceNumber"].as_str().unwrap_or(start);
            let size = batch["batchSize"].as_u64().unwrap_or(1);
            (end.to_owned(), usize::try_from(size).unwrap_or(1))
        })
    }

    fn end_of_pointer(&self, shard: &str, start: &str) -> String {
        self.pointer_at(shard, start).0
    }

    /// What a park without a condition makes of a row that is gone.
    fn bring_back(&mut self, key: &RowKey, mark: &Parked) {
        self.rows.insert(
            key.clone(),
            Row {
                row: Err(Unreadable::Malformed("there is nothing but a mark".into())),
                parked: Some(mark.clone()),
            },
        );
        self.violate("brought a row back that was gone", Some(key));
    }
}
