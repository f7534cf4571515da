//! The stream of the outbox table, as a replay reads it.

use jiff::{SignedDuration, Timestamp};
use outbox::{
    RowKey,
    ports::{Place, ShardPosition, StreamError, StreamPage, StreamReader, StreamRecord},
};

use crate::{
    caller::Caller,
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    state::State,
    stream::Stream,
};

/// How long an iterator is valid.
const ITERATOR_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Returns an iterator at a position of a shard: both, and when it was issued.
fn iterator_at(shard: &str, position: usize, now: Timestamp) -> String {
    format!("{shard} {position} {}", now.as_millisecond())
}

fn has_expired(issued: &str, now: Timestamp) -> bool {
    let issued = issued.parse().map(Timestamp::from_millisecond);
    !matches!(issued, Ok(Ok(at)) if now.duration_since(at) < ITERATOR_LIFETIME)
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
    /// Returns an iterator. A planted mistake needs its own kinds: with how many records
    /// it still reads and the number that the last one pretends to have, or one that
    /// pretends to read the whole range.
    fn open(&self, place: &Place<'_>, now: Timestamp) -> Result<String, StreamError> {
        let gone = |why: &str| StreamError::Gone(why.to_owned());
        if place.stream_arn != Stream::ARN {
            return Err(gone("there is no such stream"));
        }
        let shard = self.stream.shards.get(place.shard_id);
        let shard = shard.ok_or_else(|| gone("there is no such shard"))?;
        let (number, behind) = match place.from {
            ShardPosition::At(number) => (number, 0),
            ShardPosition::After(number) => (number, 1),
        };
        let position = shard
            .records
            .iter()
            .position(|record| record.number == number);
        let position = position.ok_or_else(|| gone("there is no such record"))? + behind;
        if position < self.stream.trim_index(place.shard_id, now) {
            if self.mutant == Some(Mutant::TrimmedIsSettled) {
                let end = self.end_of_pointer(place.shard_id, number);
                return Ok(format!("{} fake {number} {end}", place.shard_id));
            }
            return Err(gone("trimmed"));
        }
        if self.mutant == Some(Mutant::BatchSizeAsStop) && behind == 0 {
            let (end, size) = self.pointer_at(place.shard_id, number);
            return Ok(format!("{} {position} {size} {end}", place.shard_id));
        }
        Ok(iterator_at(place.shard_id, position, now))
    }

    fn read(
        &mut self,
        iterator: &str,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> Result<StreamPage, StreamError> {
        let parts: Vec<&str> = iterator.split(' ').collect();
        let record_of = |number: &str, inserted: Option<RowKey>| StreamRecord {
            sequence_number: number.to_owned(),
            inserted,
        };
        if let [_, "fake", start, end] = parts[..] {
            let records = vec![record_of(start, None), record_of(end, None)];
            return Ok(StreamPage {
                records,
                next: None,
            });
        }
        if let [_, _, issued] = parts[..]
            && has_expired(issued, now)
        {
            return Err(StreamError::Expired);
        }
        let shard_id = parts.first().copied().unwrap_or_default();
        let position: usize = parts.get(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        if position < self.stream.trim_index(shard_id, now) {
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
            .map(|record| record_of(&record.number, record.key.clone()))
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
        let next = (!is_over).then(|| iterator_at(shard_id, next, now));
        Ok(StreamPage { records, next })
    }

    /// Returns the end of the range of a pointer in the queue, and its number of records.
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
}
