//! The function behind the outbox table's stream: reads the records of a batch, has the
//! relay publish their rows, and reports from where Lambda has to retry.

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

use crate::{
    Candidate, RowKey,
    ports::{DeadLetters, EventBus, OutboxTable, sequence_number::compare},
    relay::{
        Failure, Outcome, Relay, RowOutcome, Settled,
        budget::{Budget, known_deadline},
        log_outcome::report,
        redelivery::looked_up_from,
    },
    row::decode,
};

/// How long an event may fail before it is left to the sweeper. A failing record blocks
/// its shard, so this bounds the delay of all events behind it.
const LEFT_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The payload that Lambda passes to the function behind a DynamoDB stream. Each record is
/// parsed on its own, so that a malformed one fails alone and its sequence number is
/// still known.
///
/// ```
/// use outbox::handlers::StreamEvent;
///
/// let event: StreamEvent = serde_json::from_str(r#"{"Records": []}"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    /// The records, not parsed yet.
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// The parts of a record that the relay uses. `I` is an item, or its raw JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRecord<'r, I> {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    #[serde(borrow)]
    event_name: Option<&'r RawValue>,
    /// What has changed.
    #[serde(borrow)]
    dynamodb: Option<Change<'r, I>>,
}

/// The change of a row that a record describes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'r, I> {
    /// The record's place in the shard.
    #[serde(borrow)]
    sequence_number: Option<&'r RawValue>,
    /// When DynamoDB wrote the row, in whole seconds.
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'r RawValue>,
    keys: Option<I>,
    /// The row after the change.
    new_image: Option<I>,
}

/// The function behind the outbox table's stream: publishes a batch and reports which
/// records Lambda has to retry. The [module](crate::handlers) has a whole function.
pub struct StreamHandler<B, T, D> {
    relay: Relay<B, T, D>,
}

/// The result of a batch. The function returns the response, and [`Metrics`] writes the counts.
///
/// [`Metrics`]: crate::handlers::Metrics
#[derive(Debug)]
pub struct BatchReport {
    /// The response to Lambda.
    pub response: DynamoDbEventResponse,
    /// The numbers for the metrics.
    pub counts: Counts,
}

/// The results of a batch's records, in numbers. See [`Metrics`](crate::handlers::Metrics) for an
/// example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the bus accepted.
    pub published: usize,
    /// Records of rows that were settled before, or that an operator has edited since.
    pub skipped: usize,
    /// Rows that were parked, with a dead letter.
    pub parked: usize,
    /// Records that have to be retried.
    pub failed: usize,
    /// Rows that are published but not deleted.
    pub undeleted: usize,
    /// Rows that are left to the sweeper.
    pub left_to_sweeper: usize,
    /// The time from commit to acceptance by the bus, of each published event.
    pub commit_to_publish: Vec<SignedDuration>,
}

impl Counts {
    fn of(records: &[Record], outcome: Outcome) -> Self {
        let settled = |is: fn(&Settled) -> bool| {
            outcome.count(
                |row_outcome| matches!(row_outcome, RowOutcome::Settled(settled) if is(settled)),
            )
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
    /// Its place in the shard; `None` if the record has no readable one.
    sequence_number: Option<String>,
    /// What to do with it.
    content: Content,
}

/// What a record is about.
enum Content {
    /// Nothing to do: a row was parked, edited or deleted.
    NotAnInsert,
    /// Nothing to do: the record of an event that an operator discarded.
    Discarded,
    /// A new row.
    Candidate(Candidate),
    /// The record has to be retried: a newer relay may be able to read it.
    Unreadable(Failure),
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> StreamHandler<B, T, D> {
    /// Creates a handler that publishes through this relay. The [module](crate::handlers) has an
    /// example.
    pub fn new(relay: Relay<B, T, D>) -> Self {
        Self { relay }
    }

    /// Publishes a batch and returns before the deadline. A deadline in the past is treated
    /// as unknown.
    ///
    /// The response names the record from which on Lambda has to retry; it is empty only
    /// if every record is done. If a failing record has no readable sequence number,
    /// the whole batch is retried. The [module](crate::handlers) has an example.
    pub async fn handle(&self, event: StreamEvent, deadline: Instant) -> BatchReport {
        let deadline = known_deadline(deadline);
        let answer_by = Budget::until(deadline).answer_by;

        // A record that can't be read fails alone; the others are published nevertheless.
        let records: Vec<Record> = event.records.iter().map(|record| read(record)).collect();
        let candidates = candidates_of(&records).cloned().collect();
        let mut outcome = self.relay.publish(candidates, deadline).await;
        self.leave_to_sweeper(&records, &mut outcome);
        report(&outcome);
        report_unreadable(&records);

        let checkpoint = checkpoint(&records, &outcome);
        // Without a checkpoint nothing is retried.
        if let Some(checkpoint) = &checkpoint {
            self.wait_until_looked_up(&records, &outcome, checkpoint, answer_by)
                .await;
        }
        BatchReport {
            counts: Counts::of(&records, outcome),
            response: response(checkpoint),
        }
    }

    /// Leaves events that have failed for long to the sweeper, so that they don't block
    /// their shard. The rows stay in the table, where the sweeper finds them.
    fn leave_to_sweeper(&self, records: &[Record], outcome: &mut Outcome) {
        // If nothing is accepted, the bus or the configuration is at fault. The shard then
        // waits, which keeps the order; leaving the events would only break it.
        if outcome.halted.is_some() || !self.relay.bus_worked_lately() {
            return;
        }
        // By the time in the stream, not by attempts: the age is the same for every
        // process that gets the record.
        let now = self.relay.clock().now();
        let old: HashSet<&RowKey> = candidates_of(records)
            .filter(|candidate| {
                let written_at = candidate.written_at;
                written_at.is_some_and(|time| now.duration_since(time) >= LEFT_AFTER)
            })
            .map(|candidate| &candidate.key)
            .collect();
        outcome.leave(|key| old.contains(key));
    }

    /// Waits until a retry of the published records will look them up.
    ///
    /// Lambda retries everything from the checkpoint on, also records that are published
    /// by now. The next invocation recognises them by looking them up, but it looks up
    /// only records that are 2 s old (see `relay::redelivery`). A response
    /// before that would make it publish them twice.
    async fn wait_until_looked_up(
        &self,
        records: &[Record],
        outcome: &Outcome,
        checkpoint: &str,
        answer_by: Instant,
    ) {
        let retried = records
            .iter()
            .filter(|record| !comes_before(record, checkpoint));
        // Only those that were settled just now can be published or parked twice.
        let latest = candidates_of(retried)
            .filter(|candidate| {
                let row_outcome = outcome.of(&candidate.key);
                matches!(
                    row_outcome,
                    Some(RowOutcome::Settled(Settled::Published | Settled::Parked(_)))
                )
            })
            .filter_map(looked_up_from)
            .max();
        let Some(latest) = latest else { return };
        let wait = latest.duration_since(self.relay.clock().now());
        // Negative if the records are old enough already.
        let wait = Duration::try_from(wait).unwrap_or_default();
        // Never past the deadline: a duplicate costs less than an invocation that times
        // out, which would retry the whole batch.
        sleep_until((Instant::now() + wait).min(answer_by)).await;
    }
}

fn candidates_of<'r>(
    records: impl IntoIterator<Item = &'r Record>,
) -> impl Iterator<Item = &'r Candidate> {
    let records = records.into_iter();
    records.filter_map(|record| match &record.content {
        Content::Candidate(candidate) => Some(candidate),
        _ => None,
    })
}

/// Returns why a record has to be retried; `None` if it is done. A row that the outcome
/// doesn't contain is not done.
fn failure<'a>(record: &'a Record, outcome: &'a Outcome) -> Option<&'a Failure> {
    match &record.content {
        Content::NotAnInsert | Content::Discarded => None,
        Content::Unreadable(failure) => Some(failure),
        Content::Candidate(candidate) => match outcome.of(&candidate.key) {
            Some(RowOutcome::Settled(_)) => None,
            Some(RowOutcome::Failed(failure)) => Some(failure),
            None => Some(&Failure::OutOfTime),
        },
    }
}

/// Returns the lowest sequence number that has to be retried; empty text if the whole
/// batch has to.
fn checkpoint(records: &[Record], outcome: &Outcome) -> Option<String> {
    records
        .iter()
        .filter(|record| failure(record, outcome).is_some())
        // An empty identifier makes Lambda retry the whole batch, and is the lowest here.
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
            tracing::error!(sequence_number, %failure, "record will be retried");
        }
    }
}

fn read(raw: &RawValue) -> Record {
    // A panic over one record would otherwise fail the whole batch, again and again.
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

/// Parses items attribute by attribute. An attribute that can't be parsed, such as a value
/// of a type newer than this relay, becomes NULL, so that the key is still known.
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
        return unreadable("not a record of a DynamoDB stream");
    };
    let event_name: Option<Cow<'_, str>> = record.event_name.and_then(parsed);
    match event_name.as_deref() {
        Some("INSERT") => {}
        Some("MODIFY" | "REMOVE") => return Content::NotAnInsert,
        _ => return unreadable("the record has no known eventName"),
    }
    let Some(change) = record.dynamodb else {
        return unreadable("the record describes no change: it has no dynamodb member");
    };
    let Some(key) = change.keys.as_ref().and_then(decode::key) else {
        return unreadable("the record's keys are not those of an outbox row");
    };
    if key.is_discarded() {
        return Content::Discarded;
    }
    let Some(image) = change.new_image else {
        return unreadable("the record has no new image: is the stream view type NEW_IMAGE?");
    };
    Content::Candidate(Candidate {
        row: decode::row(&key, &image),
        key,
        written_at: change.approximate_creation_date_time.and_then(written_at),
    })
}

/// Parses raw JSON as `T`.
fn parsed<'r, T: Deserialize<'r>>(raw: &'r RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns when DynamoDB wrote the row. The stream says it in whole seconds.
fn written_at(raw: &RawValue) -> Option<Timestamp> {
    let seconds: f64 = parsed(raw)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
    Timestamp::from_second(seconds.floor() as i64).ok()
}
