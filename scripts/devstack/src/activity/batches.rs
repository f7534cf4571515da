//! The batches of the stream mapping as trees: what followed each.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use devstack_api::{
    Attempt, Batch, BatchRecord, GivenUp, Origin, Outcome, Part, PartState, ReadResult,
};
use jiff::Timestamp;
use serde_json::Value;
use stream_mapping_cli::{Event, InvocationOutcome};

use super::stored_event::StoredEvent;

/// How many trees are kept.
const MOST_BATCHES: usize = 500;

/// How many records all trees may have together, parts counted apart.
const MOST_RECORDS: usize = 50_000;

/// How many attempts of a part are kept: the first ones and the last ones.
const FIRST_ATTEMPTS: usize = 10;
const LAST_ATTEMPTS: usize = 40;

/// How many characters of a response or an error are kept.
const MOST_CHARS: usize = 2_000;

/// The batches, built from the events of a stream mapping.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// The oldest first.
    trees: VecDeque<Tree>,
    last_number: u64,
    /// The records of all trees.
    records: usize,
    /// The parts that the function is processing.
    in_flight: HashMap<Key, Place>,
    /// The parts whose next attempt is planned.
    to_retry: HashMap<Key, Place>,
    /// The parts that were given up, until the message about it.
    given_up: HashMap<Key, Place>,
}

/// A shard, and the sequence number of a part's last record: records leave a part only at its
/// front.
type Key = (String, String);

/// A part of a tree.
#[derive(Debug, Clone, Copy)]
struct Place {
    tree: u64,
    part: usize,
}

#[derive(Debug)]
struct Tree {
    number: u64,
    shard: String,
    at: Timestamp,
    /// The whole batch, and the parts that followed.
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// Without its children.
    part: Part,
    /// Indexes of nodes.
    children: Vec<usize>,
    /// How many records were given up at the front.
    expired: usize,
    /// The pause before the next attempt.
    pause: Option<u64>,
}

/// What an event of the mapping means for the events in its records.
#[derive(Debug)]
pub(super) enum Consequence {
    /// The relay receives the records.
    Begun {
        batch: u64,
        /// Whether the batch is formed by this invocation.
        is_new: bool,
        events: Vec<StoredEvent>,
    },
    /// An invocation has ended.
    Ended {
        /// By event id.
        results: Vec<(String, ReadResult)>,
    },
    /// Events were given up, by their ids.
    GivenUp {
        batch: u64,
        condition: String,
        events: Vec<String>,
    },
}

/// The end of an invocation.
struct End<'e> {
    outcome: &'e InvocationOutcome,
    took: Duration,
    done: usize,
    again: &'e [usize],
    not_before: Option<Timestamp>,
    given_up: usize,
}

impl Batches {
    /// Adds an event of the mapping.
    pub(super) fn add(&mut self, event: &Event, now: Timestamp) -> Option<Consequence> {
        match event {
            Event::Created { .. } => {
                self.stop();
                None
            }
            Event::Invoking { shard, records } => self.begin(shard, records, now),
            Event::Invoked {
                shard,
                last,
                outcome,
                took,
                done,
                again,
                not_before,
                given_up,
                ..
            } => {
                let end = End {
                    outcome,
                    took: *took,
                    done: *done,
                    again,
                    not_before: *not_before,
                    given_up: *given_up,
                };
                self.end(&(shard.clone(), last.clone()), &end, now)
            }
            Event::SentOnFailure { shard, message } => self.give_up(shard, message, None, now),
            Event::LostOnFailure {
                shard,
                message,
                reason,
            } => self.give_up(shard, message, Some(reason), now),
            _ => None,
        }
    }

    /// Returns the last batches, the newest first.
    pub(super) fn list(&self, limit: usize) -> Vec<Batch> {
        let newest = self.trees.iter().rev().take(limit);
        newest.map(Tree::batch).collect()
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.len() as u64
    }

    pub(super) fn to_retry(&self) -> u64 {
        self.to_retry.len() as u64
    }

    /// The mapping was stopped: what is not done is read again, in other batches.
    fn stop(&mut self) {
        let in_flight = std::mem::take(&mut self.in_flight);
        let to_retry = std::mem::take(&mut self.to_retry);
        self.given_up.clear();
        for place in in_flight.into_values().chain(to_retry.into_values()) {
            if let Some(node) = self.node(place) {
                node.part.state = PartState::Stopped;
                node.part.retry_at = None;
            }
        }
    }

    fn begin(&mut self, shard: &str, records: &[Value], now: Timestamp) -> Option<Consequence> {
        let last = sequence_number(records.last()?).to_owned();
        let key = (shard.to_owned(), last);
        let planned = self.to_retry.remove(&key);
        let planned = planned.filter(|place| self.node(*place).is_some());
        let is_new = planned.is_none();
        let place = planned.unwrap_or_else(|| self.plant(shard, records, now));
        self.in_flight.insert(key, place);
        let batch = place.tree;
        self.node(place)?.begin(now);
        let events = records.iter().filter_map(StoredEvent::of_record).collect();
        Some(Consequence::Begun {
            batch,
            is_new,
            events,
        })
    }

    /// Adds a tree, and removes old ones.
    fn plant(&mut self, shard: &str, records: &[Value], now: Timestamp) -> Place {
        self.last_number += 1;
        let records: Vec<BatchRecord> = records.iter().map(batch_record).collect();
        self.records += records.len();
        self.trees.push_back(Tree {
            number: self.last_number,
            shard: shard.to_owned(),
            at: now,
            nodes: vec![Node::new(Origin::Batch, records, None)],
        });
        while self.trees.len() > MOST_BATCHES
            || (self.records > MOST_RECORDS && self.trees.len() > 1)
        {
            // A batch that is not done blocks its shard, so it is kept as long as possible.
            let is_done = |tree: &Tree| tree.state() == PartState::Done;
            let index = self.trees.iter().position(is_done).unwrap_or_default();
            if let Some(tree) = self.trees.remove(index) {
                self.records -= tree.records();
            }
        }
        Place {
            tree: self.last_number,
            part: 0,
        }
    }

    fn end(&mut self, key: &Key, end: &End<'_>, now: Timestamp) -> Option<Consequence> {
        let place = self.in_flight.remove(key)?;
        let node = self.node(place)?;
        let outcome = node.end(end);
        let results = node.results(end, outcome);
        if end.given_up > 0 {
            node.part.state = PartState::GivenUp;
            self.given_up.insert(key.clone(), place);
        } else if let [again] = end.again
            && *again == node.records_left()
        {
            node.plan(end.not_before, now);
            self.to_retry.insert(key.clone(), place);
        } else {
            node.part.state = PartState::Done;
            self.split(place, &key.0, end, now);
        }
        Some(Consequence::Ended { results })
    }

    /// Adds the parts that are retried.
    fn split(&mut self, place: Place, shard: &str, end: &End<'_>, now: Timestamp) {
        let Some(tree) = tree(&mut self.trees, place.tree) else {
            return;
        };
        let node = &tree.nodes[place.part];
        let mut left = &node.part.records[(node.expired + end.done).min(node.part.records.len())..];
        let mut parts = Vec::new();
        for (index, size) in end.again.iter().enumerate() {
            let (records, rest) = left.split_at((*size).min(left.len()));
            left = rest;
            let origin = match (end.again.len(), index) {
                (1, _) => Origin::Rest,
                (_, 0) => Origin::FirstHalf,
                _ => Origin::SecondHalf,
            };
            parts.push((origin, records.to_vec()));
        }
        for (origin, records) in parts {
            let Some(last) = records.last() else { continue };
            let key = (shard.to_owned(), last.sequence_number.clone());
            self.records += records.len();
            let mut child = Node::new(origin, records, pause(end.not_before, now));
            child.plan(end.not_before, now);
            let part = tree.nodes.len();
            tree.nodes.push(child);
            tree.nodes[place.part].children.push(part);
            let child = Place { part, ..place };
            self.to_retry.insert(key, child);
        }
    }

    fn give_up(
        &mut self,
        shard: &str,
        message: &Value,
        lost: Option<&String>,
        now: Timestamp,
    ) -> Option<Consequence> {
        let info = &message["DDBStreamBatchInfo"];
        let first = info["startSequenceNumber"].as_str()?;
        let count = usize::try_from(info["batchSize"].as_u64()?).ok()?;
        let (key, place) = self.with_first(shard, first)?;
        let node = self.node(place)?;
        let condition = message["requestContext"]["condition"].as_str();
        let condition = condition.unwrap_or_default().to_owned();
        let begin = node.expired.min(node.part.records.len());
        let end = (begin + count).min(node.part.records.len());
        let ids = node.part.records[begin..end].iter();
        let events = ids.filter_map(|record| record.event_id.clone()).collect();
        node.part.given_up.push(GivenUp {
            at: now,
            records: count,
            condition: condition.clone(),
            message: message.clone(),
            lost: lost.cloned(),
        });
        node.expired = end;
        if node.records_left() == 0 {
            node.part.state = PartState::GivenUp;
            node.part.retry_at = None;
            self.to_retry.remove(&key);
            self.given_up.remove(&key);
        }
        Some(Consequence::GivenUp {
            batch: place.tree,
            condition,
            events,
        })
    }

    /// Returns the part whose first record that isn't given up has this sequence number.
    fn with_first(&self, shard: &str, first: &str) -> Option<(Key, Place)> {
        let begins_with = |place: &Place| {
            let tree = self.trees.iter().find(|tree| tree.number == place.tree);
            let node = tree.and_then(|tree| tree.nodes.get(place.part));
            let record = node.and_then(|node| node.part.records.get(node.expired));
            record.is_some_and(|record| record.sequence_number == first)
        };
        self.given_up
            .iter()
            .chain(&self.to_retry)
            .find(|((of, _), place)| of == shard && begins_with(place))
            .map(|(key, place)| (key.clone(), *place))
    }

    fn node(&mut self, place: Place) -> Option<&mut Node> {
        tree(&mut self.trees, place.tree)?.nodes.get_mut(place.part)
    }
}

fn tree(trees: &mut VecDeque<Tree>, number: u64) -> Option<&mut Tree> {
    trees.iter_mut().rev().find(|tree| tree.number == number)
}

impl Tree {
    fn state(&self) -> PartState {
        let states = self.nodes.iter().map(|node| node.part.state);
        states.min().unwrap_or(PartState::Done)
    }

    fn records(&self) -> usize {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.part.records.len()).sum()
    }

    fn batch(&self) -> Batch {
        Batch {
            number: self.number,
            shard: self.shard.clone(),
            at: self.at,
            state: self.state(),
            whole: self.part(0),
        }
    }

    fn part(&self, index: usize) -> Part {
        let node = &self.nodes[index];
        let children = node.children.iter().map(|child| self.part(*child));
        Part {
            children: children.collect(),
            ..node.part.clone()
        }
    }
}

impl Node {
    fn new(origin: Origin, records: Vec<BatchRecord>, pause_milliseconds: Option<u64>) -> Self {
        Self {
            part: Part {
                origin,
                pause_milliseconds,
                state: PartState::ToRetry,
                records,
                attempts: Vec::new(),
                omitted_attempts: 0,
                retry_at: None,
                given_up: Vec::new(),
                children: Vec::new(),
            },
            children: Vec::new(),
            expired: 0,
            pause: None,
        }
    }

    fn begin(&mut self, now: Timestamp) {
        let part = &mut self.part;
        part.state = PartState::InFlight;
        part.retry_at = None;
        if part.attempts.len() == FIRST_ATTEMPTS + LAST_ATTEMPTS {
            part.attempts.remove(FIRST_ATTEMPTS);
            part.omitted_attempts += 1;
        }
        let number = part.attempts.last().map_or(1, |last| last.number + 1);
        part.attempts.push(Attempt {
            number,
            at: now,
            pause_milliseconds: self.pause.take().filter(|_| number > 1),
            milliseconds: None,
            outcome: None,
            text: String::new(),
            done: 0,
            first_failed: None,
        });
    }

    /// Completes the last attempt, and returns its outcome.
    fn end(&mut self, end: &End<'_>) -> Outcome {
        let first_failed = self.expired + end.done;
        let (outcome, text) = match end.outcome {
            InvocationOutcome::Success => (Outcome::Success, String::new()),
            InvocationOutcome::FailuresReported { response } => {
                let names_it = self
                    .part
                    .records
                    .get(first_failed)
                    .is_some_and(|record| response.contains(&record.sequence_number));
                let outcome = if names_it {
                    Outcome::PartialFailure
                } else {
                    Outcome::FunctionError
                };
                (outcome, response.clone())
            }
            InvocationOutcome::FunctionError { error } => (Outcome::FunctionError, error.clone()),
            InvocationOutcome::NotReached { error } => (Outcome::NotReached, error.clone()),
            other => (Outcome::FunctionError, other.to_string()),
        };
        if let Some(attempt) = self.part.attempts.last_mut() {
            attempt.milliseconds = u64::try_from(end.took.as_millis()).ok();
            attempt.outcome = Some(outcome);
            attempt.text = text.chars().take(MOST_CHARS).collect();
            attempt.done = end.done;
            attempt.first_failed = (outcome == Outcome::PartialFailure).then_some(first_failed);
        }
        outcome
    }

    /// Returns what the end of an invocation means for each event.
    fn results(&self, end: &End<'_>, outcome: Outcome) -> Vec<(String, ReadResult)> {
        let failed = if end.given_up > 0 {
            ReadResult::GivenUp(outcome)
        } else {
            ReadResult::Retried(outcome)
        };
        let records = self.part.records.iter().skip(self.expired);
        records
            .enumerate()
            .filter_map(|(index, record)| {
                let result = if index < end.done {
                    ReadResult::Done
                } else {
                    failed
                };
                Some((record.event_id.clone()?, result))
            })
            .collect()
    }

    /// Plans the next attempt.
    fn plan(&mut self, not_before: Option<Timestamp>, now: Timestamp) {
        self.part.state = PartState::ToRetry;
        self.part.retry_at = not_before;
        self.pause = pause(not_before, now);
    }

    fn records_left(&self) -> usize {
        self.part.records.len().saturating_sub(self.expired)
    }
}

fn pause(not_before: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    let pause = not_before?.duration_since(now).as_millis();
    u64::try_from(pause).ok()
}

fn batch_record(record: &Value) -> BatchRecord {
    let event = StoredEvent::of_record(record);
    BatchRecord {
        sequence_number: sequence_number(record).to_owned(),
        row: event.as_ref().and_then(|event| event.row.clone()),
        event_type: event.as_ref().and_then(|event| event.event_type.clone()),
        event_id: event.map(|event| event.id),
        // Only journeys show it.
        published_at_once_by: None,
    }
}

fn sequence_number(record: &Value) -> &str {
    let number = record.pointer("/dynamodb/SequenceNumber");
    number.and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
