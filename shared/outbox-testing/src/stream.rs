//! The stream of the outbox table: shards, records and their sequence numbers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use outbox::{
    RowKey,
    ports::{Place, ShardPosition, StreamError, StreamPage, StreamRecord},
};
use serde_json::Value;

use crate::change::{Change, ChangeKind};

/// The ARN of the outbox table.
pub const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox";

/// The ARN of its stream, unless a test chooses another.
pub const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/2026-11-24T09:00:00.000";

/// The shard that a stream begins with.
pub const FIRST_SHARD: &str = "shardId-1";

/// How long a stream keeps a record.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// How long an iterator is valid.
const ITERATOR_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// The most records of one page.
const PAGE: usize = 1_000;

/// The stream of the outbox table: shards that end when they are split.
#[derive(Debug)]
pub struct Stream {
    arn: String,
    shards: BTreeMap<String, Shard>,
    /// The shards that get new records; a partition key decides which one.
    open: Vec<String>,
    /// The sequence number given last. Numbers gain digits as the stream grows.
    last_number: u128,
}

/// A shard of the stream.
#[derive(Debug, Default)]
pub struct Shard {
    /// The shard that was split into this one and another, if this is not the first.
    pub parent: Option<String>,
    /// Its records, the oldest first, also those that are too old to be read.
    pub records: Vec<Record>,
    /// Whether it gets no more records.
    pub has_ended: bool,
}

/// A record of the stream.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its sequence number.
    pub number: String,
    /// When the change happened.
    pub at: Timestamp,
    /// The row, if the record is of an insert.
    pub inserted: Option<RowKey>,
    /// The record as Lambda passes it to a function.
    pub json: Value,
}

impl Default for Stream {
    fn default() -> Self {
        let first = FIRST_SHARD.to_owned();
        Self {
            arn: STREAM_ARN.to_owned(),
            shards: BTreeMap::from([(first.clone(), Shard::default())]),
            open: vec![first],
            last_number: 10_u128.pow(20),
        }
    }
}

impl Stream {
    /// Chooses the stream's ARN: as if the stream had been replaced, or to read dead letters
    /// that name another.
    pub fn set_arn(&mut self, arn: impl Into<String>) {
        self.arn = arn.into();
    }

    /// Returns the shards by their ids. A parent comes before its children.
    pub fn shards(&self) -> &BTreeMap<String, Shard> {
        &self.shards
    }

    /// Sets the sequence number that was given last. Just below a power of ten, numbers gain
    /// a digit soon: comparing them as text is then wrong.
    pub fn set_last_number(&mut self, number: u128) {
        self.last_number = number;
    }

    /// Adds the record of a change to the shard of its row.
    pub fn push(&mut self, change: &Change, at: Timestamp) {
        let number = self.next_number();
        let sum: usize = change.key.aggregate_id.bytes().map(usize::from).sum();
        let shard = self.open[sum % self.open.len()].clone();
        self.push_numbered(&shard, &number, change, at);
    }

    /// Adds the record of a change to a chosen shard, which is created if it isn't there,
    /// with a chosen sequence number.
    pub fn push_numbered(&mut self, shard: &str, number: &str, change: &Change, at: Timestamp) {
        let is_insert = change.kind == ChangeKind::Insert;
        let record = Record {
            number: number.to_owned(),
            at,
            inserted: is_insert.then(|| change.key.clone()),
            json: change.to_record(number, at),
        };
        let shard = self.shards.entry(shard.to_owned()).or_default();
        shard.records.push(record);
    }

    fn next_number(&mut self) -> String {
        // They gain a digit about every hundred records, up to DynamoDB's limit.
        let most = 10_u128.pow(37);
        self.last_number += 1 + (self.last_number / 50) * u128::from(self.last_number < most);
        self.last_number.to_string()
    }

    /// Ends a shard, which then gets no more records. If no other is open, a new one is.
    pub fn end(&mut self, shard: &str) {
        if let Some(ended) = self.shards.get_mut(shard) {
            ended.has_ended = true;
        }
        self.open.retain(|open| open != shard);
        if self.open.is_empty() {
            self.add_child(shard, "a");
        }
    }

    /// Ends all open shards, and opens two children for each. At eight open shards it does
    /// nothing.
    pub fn split(&mut self) {
        if self.open.len() >= 8 {
            return;
        }
        for parent in std::mem::take(&mut self.open) {
            if let Some(shard) = self.shards.get_mut(&parent) {
                shard.has_ended = true;
            }
            for part in ["a", "b"] {
                self.add_child(&parent, part);
            }
        }
    }

    fn add_child(&mut self, parent: &str, part: &str) {
        let id = format!("{parent}{part}");
        let child = Shard {
            parent: Some(parent.to_owned()),
            ..Shard::default()
        };
        self.shards.insert(id.clone(), child);
        self.open.push(id);
    }

    /// Returns the index of the oldest record of a shard that can still be read.
    pub fn trim_index(&self, shard: &str, now: Timestamp) -> usize {
        let Some(shard) = self.shards.get(shard) else {
            return 0;
        };
        let is_gone = |record: &Record| now.duration_since(record.at) > RETENTION;
        shard.records.partition_point(is_gone)
    }

    /// Returns an iterator that begins at a place.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] if there is no such stream, shard or record.
    pub fn open(&self, place: &Place<'_>, now: Timestamp) -> Result<String, StreamError> {
        let gone = |why: &str| StreamError::Gone(why.to_owned());
        if place.stream_arn != self.arn {
            return Err(gone("there is no such stream"));
        }
        let shard = self.shards.get(place.shard_id);
        let shard = shard.ok_or_else(|| gone("there is no such shard"))?;
        let (number, behind) = match place.from {
            ShardPosition::At(number) => (number, 0),
            ShardPosition::After(number) => (number, 1),
        };
        let mut records = shard.records.iter();
        let position = records.position(|record| record.number == number);
        let position = position.ok_or_else(|| gone("trimmed"))? + behind;
        if position < self.trim_index(place.shard_id, now) {
            return Err(gone("trimmed"));
        }
        Ok(iterator_at(place.shard_id, position, now))
    }

    /// Returns the next page, of at most so many records.
    ///
    /// # Errors
    ///
    /// [`StreamError::Expired`] 15 minutes after the iterator was returned, and
    /// [`StreamError::Gone`] if its records are trimmed.
    pub fn read(
        &self,
        iterator: &str,
        most: Option<usize>,
        now: Timestamp,
    ) -> Result<StreamPage, StreamError> {
        let (shard_id, position, issued) = parse_iterator(iterator).ok_or(StreamError::Expired)?;
        if now.duration_since(issued) >= ITERATOR_LIFETIME {
            return Err(StreamError::Expired);
        }
        if position < self.trim_index(shard_id, now) {
            return Err(StreamError::Gone("trimmed".to_owned()));
        }
        let shard = self.shards.get(shard_id);
        let shard = shard.ok_or_else(|| StreamError::Gone("there is no such shard".to_owned()))?;
        let rest = shard.records.get(position..).unwrap_or_default();
        let page = rest.iter().take(most.unwrap_or(PAGE).min(PAGE));
        let records: Vec<StreamRecord> = page
            .map(|record| StreamRecord {
                sequence_number: record.number.clone(),
                inserted: record.inserted.clone(),
            })
            .collect();
        let next = position + records.len();
        let is_over = shard.has_ended && next == shard.records.len();
        let next = (!is_over).then(|| iterator_at(shard_id, next, now));
        Ok(StreamPage { records, next })
    }
}

/// Returns an iterator at a position of a shard: both, and when it was issued.
fn iterator_at(shard: &str, position: usize, now: Timestamp) -> String {
    format!("{} {position} {shard}", now.as_millisecond())
}

fn parse_iterator(iterator: &str) -> Option<(&str, usize, Timestamp)> {
    let mut parts = iterator.splitn(3, ' ');
    let issued = parts.next()?.parse().ok()?;
    let position = parts.next()?.parse().ok()?;
    let issued = Timestamp::from_millisecond(issued).ok()?;
    Some((parts.next()?, position, issued))
}
