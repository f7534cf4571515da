//! What Lambda hands to the function behind the outbox table's stream.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outbox::{
    OutboxRow, RowKey,
    handlers::{BatchReport, Counts, StreamHandler},
};
use outbox_testing::{Happened, InMemoryAws};
use serde_json::{Value, json};
use stream_mapping::{Record, SequenceNumber};
use tokio::time::Instant;

use crate::{
    runtime,
    services::{Trouble, assert_sound, in_memory, letters, start, write_key},
};

/// Checks that a batch, or a record alone, always gets a response: a record of the batch to
/// retry from, the whole batch, or success; and success only if nothing is left to do. What is
/// redelivered is not published twice.
///
/// Of a record that it can't take, the stream mapping says what is missing.
pub fn stream_record(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let batch = match json.get("Records") {
        Some(_) => json,
        None => json!({"Records": [json]}),
    };
    let records = batch["Records"].as_array().cloned().unwrap_or_default();
    for record in &records {
        if let Err(error) = Record::from_json(record.clone()) {
            let error = error.to_string();
            let is_named = error.starts_with("the record has no ");
            assert!(
                is_named || error.contains("is not a sequence number"),
                "{error}"
            );
        }
    }
    let troubles = [Trouble::NoBus, Trouble::Rejected, Trouble::NoLookUps];
    for trouble in [Trouble::None, troubles[bytes.len() % 3]] {
        runtime::block_on(relayed(&records, trouble));
    }
}

async fn relayed(records: &[Value], trouble: Trouble) {
    let aws = in_memory(trouble);
    for record in records {
        if let Some(key) = row_key(record) {
            write_key(&aws, &key);
        }
    }
    let handler = aws.stream_handler();

    let Some(from) = handle(&handler, &aws, records).await else {
        return assert_sound(&aws, trouble);
    };
    if let Some(redelivered) = records_from(records, &from) {
        handle(&handler, &aws, &redelivered).await;
        let published = published(&aws);
        let distinct: HashSet<_> = published.iter().map(|row| &row.key).collect();
        assert_eq!(distinct.len(), published.len(), "published again");
    }
    assert_sound(&aws, trouble);
}

/// Returns the rows whose events the bus has, in order of arrival.
fn published(aws: &InMemoryAws) -> Vec<Arc<OutboxRow>> {
    aws.with(|services| {
        let accepted = services.bus.accepted.iter();
        accepted.map(|event| Arc::clone(&event.row)).collect()
    })
}

/// Returns the row that a record names.
fn row_key(record: &Value) -> Option<RowKey> {
    let text = |pointer| record.pointer(pointer).and_then(Value::as_str);
    Some(RowKey {
        aggregate_id: text("/dynamodb/Keys/aggregateId/S")?.to_owned(),
        position: text("/dynamodb/Keys/position/S")?.to_owned(),
    })
}

/// Returns from which record on the batch is retried, if it is.
async fn handle(
    handler: &StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    aws: &InMemoryAws,
    records: &[Value],
) -> Option<String> {
    let event = serde_json::from_value(json!({"Records": records})).expect("a batch");
    let before = published(aws).len();
    let deadline = Instant::now() + Duration::from_mins(1);
    let BatchReport { response, counts } = handler.handle(event, deadline).await;
    assert!(Instant::now() < deadline, "out of time");

    let failures = response.batch_item_failures;
    assert!(failures.len() <= 1);
    assert_eq!(failures.is_empty(), counts.failed == 0);
    let from = failures.into_iter().next().map(|failure| {
        let from = failure.item_identifier;
        from.expect("without an identifier Lambda counts the whole batch as done")
    });
    if let Some(from) = from.as_deref().filter(|from| !from.is_empty()) {
        let is_named = |record: &Value| sequence_number(record) == Some(from);
        assert!(records.iter().any(is_named));
    }
    assert_counted(&counts, aws, records.len(), before);
    for row in &published(aws)[before..] {
        assert!(records.iter().any(|record| shows(record, row)), "{row:?}");
    }
    from
}

/// Checks the numbers of a batch; `before` events were published before.
fn assert_counted(counts: &Counts, aws: &InMemoryAws, records: usize, before: usize) {
    // Published and parked are also rows that were found in the table before those of the batch.
    let of_batch = [
        counts.skipped,
        counts.left_to_sweeper,
        counts.held,
        counts.failed,
    ];
    assert!(of_batch.iter().sum::<usize>() <= records);
    let published = published(aws).len();
    assert_eq!(published - before, counts.published);
    let happened = aws.happened();
    let deleted = happened
        .iter()
        .filter(|happened| matches!(happened, Happened::Deleted(_)));
    assert_eq!(deleted.count(), published);
    assert!(counts.parked <= aws.parked().len());
    for letter in letters(aws) {
        let is_explained = !letter.code.is_empty() && !letter.message.is_empty();
        assert!(is_explained, "{letter:?}");
    }
}

/// Returns whether a record is of the insert of this row.
fn shows(record: &Value, row: &OutboxRow) -> bool {
    let text = |pointer| record.pointer(pointer).and_then(Value::as_str);
    text("/eventName") == Some("INSERT")
        && row_key(record).as_ref() == Some(&row.key)
        && text("/dynamodb/NewImage/detail/S") == Some(&row.detail)
}

/// Returns the records that Lambda redelivers, if a stream can contain these records: one after
/// the other, and not long before they happen.
fn records_from(records: &[Value], from: &str) -> Option<Vec<Value>> {
    let number = |record: &Value| sequence_number(record)?.parse::<SequenceNumber>().ok();
    let numbers: Vec<SequenceNumber> = records.iter().map(number).collect::<Option<_>>()?;
    let soon = start() + SignedDuration::from_secs(30);
    let is_of_the_past = |record: &Value| {
        let seconds = record.pointer("/dynamodb/ApproximateCreationDateTime");
        let seconds = seconds.and_then(Value::as_f64)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole seconds, in any form"
        )]
        let time = Timestamp::from_second(seconds.floor() as i64).ok()?;
        (time < soon).then_some(())
    };
    records.iter().map(is_of_the_past).collect::<Option<()>>()?;
    if !numbers.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let first = records
        .iter()
        .position(|record| sequence_number(record) == Some(from));
    Some(records[first.unwrap_or(0)..].to_vec())
}

fn sequence_number(record: &Value) -> Option<&str> {
    record.pointer("/dynamodb/SequenceNumber")?.as_str()
}
