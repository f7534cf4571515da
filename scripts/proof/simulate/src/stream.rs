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
    /// The open shard for each part of the partitions.
    open: Vec<String>,
    /// Sequence numbers are taken from here; their digits grow in the course of a
    /// history.
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
    /// The row, if one was inserted.
    pub(crate) key: Option<RowKey>,
    /// As Lambda hands it over.
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
    /// The ARN it has.
    pub(crate) const ARN: &str =
        "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/2026-11-24T09:00:00.000";

    /// The ARN of its table.
    pub(crate) const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox";

    /// From where on numbers are given; they get a digit more early in a history.
    pub(crate) fn begin_with_numbers_shortly_before_a_new_digit(&mut self, before: u64) {
        self.last_number = 10_u128.pow(20) - u128::from(before);
    }

    pub(crate) fn next_number(&mut self) -> String {
        // They get a digit more every hundred records or so, as long as they may.
        let most = 10_u128.pow(37);
        self.last_number += 1 + (self.last_number / 50) * u128::from(self.last_number < most);
        self.last_number.to_string()
    }

    /// Adds a record to the shard its partition key belongs to.
    pub(crate) fn push(&mut self, partition: &str, record: Record) {
        let sum: usize = partition.bytes().map(usize::from).sum();
        let shard = self.open[sum % self.open.len()].clone();
        if let Some(shard) = self.shards.get_mut(&shard) {
            shard.records.push(record);
        }
    }

    /// Ends a shard, or all, and goes on in two for each.
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

    /// Where what is left of a shard begins.
    pub(crate) fn trimmed(&self, shard: &str, now: Timestamp) -> usize {
        let Some(shard) = self.shards.get(shard) else {
            return 0;
        };
        let is_gone = |record: &Record| now.duration_since(record.at) > RETENTION;
        shard.records.partition_point(is_gone)
    }

    /// The rows inserted between two records of a shard, both included.
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
