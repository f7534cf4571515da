use std::{
    cmp::Ordering,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::Item;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    arrival::{Arrival, Unreadable},
    budget::{Budget, known_deadline},
    dead_letters::DeadLetters,
    decode,
    event_bus::EventBus,
    fate::{Failure, Fate, Outcome, Settled},
    outbox_table::OutboxTable,
    publish::Relay,
};

/// What Lambda hands to the function behind a DynamoDB stream. Records are
/// read one by one, so that a broken one fails alone.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// The function behind the outbox table's stream: relays a batch and reports
/// what must come again.
pub struct StreamHandler<B, T, D> {
    relay: Relay<B, T, D>,
}

/// A record, as far as it can be read.
struct Record {
    sequence_number: Option<String>,
    content: Content,
}

enum Content {
    /// Nothing to do: a row was marked or deleted.
    NotAnInsert,
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
    /// The answer names the record from which on the batch must come again, and
    /// is empty only if every record is done. A batch with a failing record
    /// that names no place in the stream comes again whole.
    pub async fn handle(&self, event: StreamEvent, deadline: Instant) -> DynamoDbEventResponse {
        let deadline = known_deadline(deadline);
        let answer_by = Budget::until(deadline).answer_by;

        let records: Vec<Record> = event.records.iter().map(read).collect();
        let outcome = self.relay.publish(arrivals(&records), deadline).await;
        report(&records, &outcome);

        let Some(checkpoint) = checkpoint(&records, &outcome) else {
            return DynamoDbEventResponse::default();
        };
        self.wait_until_looked_up(&records, &outcome, &checkpoint, answer_by)
            .await;
        failure_from(checkpoint)
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
        let latest = records
            .iter()
            .filter(|record| !comes_before(record, checkpoint))
            .filter_map(|record| match &record.content {
                Content::Arrival(arrival) => Some(arrival),
                _ => None,
            })
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

fn arrivals(records: &[Record]) -> Vec<Arrival> {
    records
        .iter()
        .filter_map(|record| match &record.content {
            Content::Arrival(arrival) => Some(arrival.clone()),
            _ => None,
        })
        .collect()
}

/// Why a record must come again; `None` if it is done. A row the outcome does
/// not know is not done.
fn failure<'a>(record: &'a Record, outcome: &'a Outcome) -> Option<&'a Failure> {
    match &record.content {
        Content::NotAnInsert => None,
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

/// Sequence numbers have up to 40 digits, which no integer type holds.
fn compare(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn failure_from(checkpoint: String) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(checkpoint);
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures.push(failure);
    response
}

fn report(records: &[Record], outcome: &Outcome) {
    for (key, fate) in outcome.fates() {
        match fate {
            Fate::Settled(Settled::Parked(poison)) => {
                tracing::error!(row = %key, %poison, "parked, a dead letter is sent");
            }
            Fate::Failed(failure @ Failure::HeldBack(_)) => {
                tracing::info!(row = %key, %failure, "must come again");
            }
            Fate::Failed(failure) => tracing::error!(row = %key, %failure, "must come again"),
            Fate::Settled(_) => {}
        }
    }
    for record in records {
        if let Content::Unreadable(failure) = &record.content {
            let sequence_number = record.sequence_number.as_deref();
            tracing::error!(sequence_number, %failure, "record must come again");
        }
    }
    if !outcome.undeleted.is_empty() {
        tracing::error!(
            rows = outcome.undeleted.len(),
            "published, but not deleted: may be published twice"
        );
    }
    tracing::info!(
        records = records.len(),
        published = outcome.count(|fate| *fate == Fate::Settled(Settled::Published)),
        failed = outcome.count(|fate| matches!(fate, Fate::Failed(_))),
        "relayed"
    );
}

fn read(record: &Value) -> Record {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let content = catch_unwind(AssertUnwindSafe(|| read_content(record)));
    Record {
        sequence_number: text("/dynamodb/SequenceNumber").map(str::to_owned),
        content: content.unwrap_or(Content::Unreadable(Failure::Panicked)),
    }
}

fn read_content(record: &Value) -> Content {
    let unreadable = |what: &str| Content::Unreadable(Failure::Unreadable(what.to_owned()));
    match record.get("eventName").and_then(Value::as_str) {
        Some("INSERT") => {}
        Some("MODIFY" | "REMOVE") => return Content::NotAnInsert,
        _ => return unreadable("the record has no known eventName"),
    }
    let Some(key) = item(record, "/dynamodb/Keys").and_then(|keys| decode::key(&keys)) else {
        return unreadable("the record does not hold the key of an outbox row");
    };
    let row = match record.pointer("/dynamodb/NewImage") {
        None | Some(Value::Null) => {
            return unreadable("the record has no new image: is the stream's view NEW_IMAGE?");
        }
        Some(_) => match item(record, "/dynamodb/NewImage") {
            Some(image) => decode::row(&key, &image),
            None => Err(Unreadable::Malformed("the image is no item".to_owned())),
        },
    };
    Content::Arrival(Arrival {
        key,
        row,
        written_at: written_at(record),
    })
}

fn item(record: &Value, pointer: &str) -> Option<Item> {
    Item::deserialize(record.pointer(pointer)?).ok()
}

fn written_at(record: &Value) -> Option<Timestamp> {
    let seconds = record
        .pointer("/dynamodb/ApproximateCreationDateTime")?
        .as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
    Timestamp::from_second(seconds.floor() as i64).ok()
}
