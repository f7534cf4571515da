use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

#[cfg(feature = "simulation")]
use crate::simulation;
use crate::{
    RowKey,
    ports::{DeadLetters, EventBus, OutboxTable, sequence_number::compare},
    relay::{
        Arrival, Failure, Fate, Outcome, Relay, Settled,
        budget::{Budget, known_deadline},
        log_outcome::report,
    },
    row::decode,
};

/// How long an event may fail before it is left to the sweeper.
const LEFT_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What Lambda hands to the function behind a DynamoDB stream. Records are
/// read one by one, so that a broken one fails alone and still tells its place.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// What is of interest in a record, with items or with what is to become one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRecord<'r, I> {
    #[serde(borrow)]
    event_name: Option<&'r RawValue>,
    #[serde(borrow)]
    dynamodb: Option<Change<'r, I>>,
}

/// What happened to a row.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'r, I> {
    #[serde(borrow)]
    sequence_number: Option<&'r RawValue>,
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'r RawValue>,
    keys: Option<I>,
    new_image: Option<I>,
}

/// The function behind the outbox table's stream: relays a batch and reports
/// what must come again.
pub struct StreamHandler<B, T, D> {
    relay: Relay<B, T, D>,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Relayed {
    /// What Lambda is answered.
    pub response: DynamoDbEventResponse,
    /// What there is to count.
    pub counts: Counts,
}

/// What became of the records of a batch, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events the bus has now.
    pub published: usize,
    /// Records of rows that were settled before, or that a person has edited since.
    pub skipped: usize,
    /// Rows that were set aside, with a dead letter.
    pub parked: usize,
    /// Records that must come again.
    pub failed: usize,
    /// Rows that are published, but still there.
    pub undeleted: usize,
    /// Rows the sweeper goes on with.
    pub left_to_sweeper: usize,
    /// How long each published event took from its commit to the bus.
    pub commit_to_publish: Vec<SignedDuration>,
}

impl Counts {
    fn of(records: &[Record], outcome: Outcome) -> Self {
        let settled = |is: fn(&Settled) -> bool| {
            outcome.count(|fate| matches!(fate, Fate::Settled(settled) if is(settled)))
        };
        Self {
            published: settled(|settled| *settled == Settled::Published),
            skipped: settled(|settled| {
                matches!(
                    settled,
                    Settled::Absent | Settled::AlreadyParked | Settled::Edited
                )
            }),
            parked: settled(|settled| matches!(settled, Settled::Parked(_))),
            failed: records
                .iter()
                .filter(|record| failure(record, &outcome).is_some())
                .count(),
            undeleted: outcome.undeleted.len(),
            left_to_sweeper: settled(|settled| matches!(settled, Settled::LeftToSweeper(_))),
            commit_to_publish: outcome.commit_to_publish,
        }
    }
}

/// A record, as far as it can be read.
struct Record {
    sequence_number: Option<String>,
    content: Content,
}

enum Content {
    /// Nothing to do: a row was marked or deleted.
    NotAnInsert,
    /// Nothing to do: a person discarded the event, and this tells who.
    Discarded,
    Arrival(Arrival),
    Unreadable(Failure),
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> StreamHandler<B, T, D> {
    /// A handler that publishes through this relay.
    pub fn new(relay: Relay<B, T, D>) -> Self {
        Self { relay }
    }

    /// Relays a batch before the deadline; a deadline already past is taken for
    /// unknown.
    ///
    /// The response names the record from which on the batch must come again,
    /// and is empty only if every record is done. A batch with a failing record
    /// that names no place in the stream comes again whole.
    pub async fn handle(&self, event: StreamEvent, deadline: Instant) -> Relayed {
        let deadline = known_deadline(deadline);
        let answer_by = Budget::until(deadline).answer_by;

        let records: Vec<Record> = event.records.iter().map(|record| read(record)).collect();
        let arrivals = arrivals_of(&records).cloned().collect();
        let mut outcome = self.relay.publish(arrivals, deadline).await;
        self.leave_to_sweeper(&records, &mut outcome);
        report(&outcome);
        report_unreadable(&records);

        let checkpoint = checkpoint(&records, &outcome);
        #[cfg(feature = "simulation")]
        if simulation::is_planted(simulation::Mistake::AnswerTooEarly) {
            return Relayed {
                counts: Counts::of(&records, outcome),
                response: response(checkpoint),
            };
        }
        if let Some(checkpoint) = &checkpoint {
            self.wait_until_looked_up(&records, &outcome, checkpoint, answer_by)
                .await;
        }
        Relayed {
            counts: Counts::of(&records, outcome),
            response: response(checkpoint),
        }
    }

    /// An event that keeps failing must not hold up its shard for ever: while
    /// others get through, it is left where it is, and the sweeper goes on with
    /// it.
    fn leave_to_sweeper(&self, records: &[Record], outcome: &mut Outcome) {
        if outcome.halted.is_some() || !self.relay.gets_through() {
            return;
        }
        let now = self.relay.clock().now();
        let old: HashSet<&RowKey> = arrivals_of(records)
            .filter(|arrival| {
                let written_at = arrival.written_at;
                written_at.is_some_and(|time| now.duration_since(time) >= LEFT_AFTER)
            })
            .map(|arrival| &arrival.key)
            .collect();
        outcome.leave(|key| old.contains(key));
    }

    /// Records behind the checkpoint come again although they are published.
    /// They are recognised by being looked up, and that is done only once they
    /// have some age: answering earlier would publish them twice.
    async fn wait_until_looked_up(
        &self,
        records: &[Record],
        outcome: &Outcome,
        checkpoint: &str,
        answer_by: Instant,
    ) {
        let behind = records
            .iter()
            .filter(|record| !comes_before(record, checkpoint));
        let latest = arrivals_of(behind)
            .filter(|arrival| {
                let fate = outcome.fate(&arrival.key);
                matches!(
                    fate,
                    Some(Fate::Settled(Settled::Published | Settled::Parked(_)))
                )
            })
            .filter_map(Arrival::looked_up_from)
            .max();
        let Some(latest) = latest else { return };
        let wait = latest.duration_since(self.relay.clock().now());
        // A clock that far off says nothing; a duplicate is the worst of it.
        let wait = Duration::try_from(wait).unwrap_or_default();
        sleep_until((Instant::now() + wait).min(answer_by)).await;
    }
}

fn arrivals_of<'r>(
    records: impl IntoIterator<Item = &'r Record>,
) -> impl Iterator<Item = &'r Arrival> {
    let records = records.into_iter();
    records.filter_map(|record| match &record.content {
        Content::Arrival(arrival) => Some(arrival),
        _ => None,
    })
}

/// Why a record must come again; `None` if it is done. A row the outcome does
/// not know is not done.
fn failure<'a>(record: &'a Record, outcome: &'a Outcome) -> Option<&'a Failure> {
    match &record.content {
        Content::NotAnInsert | Content::Discarded => None,
        Content::Unreadable(failure) => Some(failure),
        Content::Arrival(arrival) => match outcome.fate(&arrival.key) {
            Some(Fate::Settled(_)) => None,
            Some(Fate::Failed(failure)) => Some(failure),
            None => Some(&Failure::OutOfTime),
        },
    }
}

/// The lowest sequence number that must come again; empty if that is the whole
/// batch.
fn checkpoint(records: &[Record], outcome: &Outcome) -> Option<String> {
    records
        .iter()
        .filter(|record| failure(record, outcome).is_some())
        .map(|record| record.sequence_number.clone().unwrap_or_default())
        .min_by(|a, b| compare(a, b))
}

fn comes_before(record: &Record, checkpoint: &str) -> bool {
    let number = record.sequence_number.as_deref().unwrap_or_default();
    compare(number, checkpoint) == Ordering::Less
}

fn response(checkpoint: Option<String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    if let Some(checkpoint) = checkpoint {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(checkpoint);
        response.batch_item_failures.push(failure);
    }
    response
}

fn report_unreadable(records: &[Record]) {
    for record in records {
        if let Content::Unreadable(failure) = &record.content {
            let sequence_number = record.sequence_number.as_deref();
            tracing::error!(sequence_number, %failure, "record must come again");
        }
    }
}

fn read(raw: &RawValue) -> Record {
    catch_unwind(AssertUnwindSafe(|| read_record(raw))).unwrap_or_else(|_| {
        let record: Option<ChangeRecord<'_, &RawValue>> = parsed(raw);
        Record {
            sequence_number: record.as_ref().and_then(sequence_number),
            content: Content::Unreadable(Failure::Panicked),
        }
    })
}

fn read_record(raw: &RawValue) -> Record {
    let record = parsed(raw).or_else(|| read_leniently(raw));
    Record {
        sequence_number: record.as_ref().and_then(sequence_number),
        content: read_content(record),
    }
}

fn sequence_number<I>(record: &ChangeRecord<'_, I>) -> Option<String> {
    parsed(record.dynamodb.as_ref()?.sequence_number?)
}

/// Reads items attribute by attribute. What cannot be read, such as a value of a type
/// that is newer than this relay, is there all the same.
fn read_leniently(raw: &RawValue) -> Option<ChangeRecord<'_, Item>> {
    let record: ChangeRecord<'_, &RawValue> = parsed(raw)?;
    let change = record.dynamodb.map(|change| Change {
        sequence_number: change.sequence_number,
        approximate_creation_date_time: change.approximate_creation_date_time,
        keys: change.keys.map(item),
        new_image: change.new_image.map(item),
    });
    Some(ChangeRecord {
        event_name: record.event_name,
        dynamodb: change,
    })
}

fn item(raw: &RawValue) -> Item {
    let attributes: HashMap<String, &RawValue> = parsed(raw).unwrap_or_default();
    let read = |value| parsed(value).unwrap_or(AttributeValue::Null(true));
    let attributes = attributes.into_iter();
    let attributes: HashMap<_, _> = attributes
        .map(|(name, value)| (name, read(value)))
        .collect();
    attributes.into()
}

fn read_content(record: Option<ChangeRecord<'_, Item>>) -> Content {
    let unreadable = |what: &str| Content::Unreadable(Failure::Unreadable(what.to_owned()));
    let Some(record) = record else {
        return unreadable("it is no record of a stream");
    };
    let event_name: Option<Cow<'_, str>> = record.event_name.and_then(parsed);
    match event_name.as_deref() {
        Some("INSERT") => {}
        Some("MODIFY" | "REMOVE") => return Content::NotAnInsert,
        _ => return unreadable("the record has no known eventName"),
    }
    let Some(change) = record.dynamodb else {
        return unreadable("the record tells of no change");
    };
    let Some(key) = change.keys.as_ref().and_then(decode::key) else {
        return unreadable("the record does not hold the key of an outbox row");
    };
    if key.is_discarded() {
        return Content::Discarded;
    }
    let Some(image) = change.new_image else {
        return unreadable("the record has no new image: is the stream's view NEW_IMAGE?");
    };
    Content::Arrival(Arrival {
        row: decode::row(&key, &image),
        key,
        written_at: change.approximate_creation_date_time.and_then(written_at),
    })
}

/// What stands there, if it can be read as that.
fn parsed<'r, T: Deserialize<'r>>(raw: &'r RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn written_at(raw: &RawValue) -> Option<Timestamp> {
    let seconds: f64 = parsed(raw)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
    Timestamp::from_second(seconds.floor() as i64).ok()
}
