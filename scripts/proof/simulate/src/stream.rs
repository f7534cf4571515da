//! The stream of the outbox table: shards, records and their sequence numbers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use outbox::RowKey;
use serde_json::Value;

/// How long a stream keeps a record.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// The stream of the outbox table: shards that end when they are split.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) shards: BTreeMap<String, Shard>,
    /// The shards that get new records; a partition's place decides which one.
    open: Vec<String>,
    /// The sequence number given last. Numbers gain digits in the course of a history.
    last_number: u128,
}

#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) parent: Option<String>,
    pub(crate) records: Vec<Record>,
    pub(crate) has_ended: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) number: String,
    pub(crate) at: Timestamp,
    /// The row, if the record is about an insert.
    pub(crate) key: Option<RowKey>,
    /// The record as Lambda hands it over.
    pub(crate) json: Value,
}

impl Default for Stream {
    fn default() -> Self {
        let first = "shardId-1".to_owned();
        Self {
            shards: BTreeMap::from([(first.clone(), Shard::default())]),
            open: vec![first],
            last_number: 0,
        }
    }
}

impl Stream {
    /// Its ARN.
    pub(crate) const ARN: &str =
        "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/2026-11-24T09:00:00.000";

    /// The ARN of its table.
    pub(crate) const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox";

    /// Sets the last number to `before` below a power of ten, so that numbers gain a digit
    /// early in a history: comparing them as text is then wrong.
    pub(crate) fn start_just_below_a_new_digit(&mut self, before: u64) {
        self.last_number = 10_u128.pow(20) - u128::from(before);
    }

    pub(crate) fn next_number(&mut self) -> String {
        // They gain a digit about every hundred records, up to DynamoDB's limit.
        let most = 10_u128.pow(37);
        self.last_number += 1 + (self.last_number / 50) * u128::from(self.last_number < most);
        self.last_number.to_string()
    }

    /// Adds a record to the shard of its partition key.
    pub(crate) fn push(&mut self, partition: &str, record: Record) {
        let sum: usize = partition.bytes().map(usize::from).sum();
        let shard = self.open[sum % self.open.len()].clone();
        if let Some(shard) = self.shards.get_mut(&shard) {
            shard.records.push(record);
        }
    }

    /// Ends all open shards, and opens two children for each.
    pub(crate) fn split(&mut self) {
        if self.open.len() >= 8 {
            return;
        }
        let mut children = Vec::new();
        for parent in std::mem::take(&mut self.open) {
            if let Some(shard) = self.shards.get_mut(&parent) {
                shard.has_ended = true;
            }
            for part in ["a", "b"] {
                let id = format!("{parent}{part}");
                let parent = Some(parent.clone());
                self.shards.insert(
                    id.clone(),
                    Shard {
                        parent,
                        ..Shard::default()
                    },
                );
                children.push(id);
            }
        }
        self.open = children;
    }

    /// Returns the index of the oldest record of a shard that the stream still has.
    pub(crate) fn trim_index(&self, shard: &str, now: Timestamp) -> usize {
        let Some(shard) = self.shards.get(shard) else {
            return 0;
        };
        let is_gone = |record: &Record| now.duration_since(record.at) > RETENTION;
        shard.records.partition_point(is_gone)
    }

    /// Returns the rows inserted from one record of a shard to another, both included.
    pub(crate) fn between(&self, shard: &str, start: &str, end: &str) -> Vec<RowKey> {
        let number = |text: &str| text.parse::<u128>().unwrap_or_default();
        let range = number(start)..=number(end);
        let records = self.shards.get(shard).map(|shard| shard.records.iter());
        let within = records
            .into_iter()
            .flatten()
            .filter(|record| range.contains(&number(&record.number)));
        within.filter_map(|record| record.key.clone()).collect()
    }
}
