//! What Lambda hands to the function behind the outbox table's stream.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outbox::handlers::{BatchReport, StreamHandler};
use serde_json::{Value, json};
use stream_mapping::{Record, SequenceNumber};
use tokio::time::Instant;

use crate::{
    runtime,
    world::{Weather, World, start},
};

/// A batch, or a record alone, is always answered: with nothing but a record of
/// the batch, with it whole, or with success; and with success only if there is
/// nothing left to do. What comes again is not published again.
///
/// The stream's mapping says of a record that it cannot take what is missing.
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
    let poor = [Weather::NoBus, Weather::Refused, Weather::Silent][bytes.len() % 3];
    for weather in [Weather::Fair, poor] {
        runtime::block_on(relayed(&records, weather));
    }
}

async fn relayed(records: &[Value], weather: Weather) {
    let world = World::default();
    world.state().weather = weather;
    world.state().has_every_row = true;
    let handler = StreamHandler::new(world.relay());

    let Some(from) = handle(&handler, &world, records).await else {
        return;
    };
    let Some(again) = records_from(records, &from) else {
        return;
    };
    handle(&handler, &world, &again).await;
    let state = world.state();
    let distinct: HashSet<_> = state.published.iter().map(|row| &row.key).collect();
    assert_eq!(distinct.len(), state.published.len(), "published again");
}

/// Answers from which record on the batch comes again, if it does.
async fn handle(
    handler: &StreamHandler<World, World, World>,
    world: &World,
    records: &[Value],
) -> Option<String> {
    let event = serde_json::from_value(json!({"Records": records})).expect("a batch");
    let before = world.state().published.len();
    let deadline = Instant::now() + Duration::from_mins(1);
    let BatchReport { response, counts } = handler.handle(event, deadline).await;
    assert!(Instant::now() < deadline, "out of time");

    let failures = response.batch_item_failures;
    assert!(failures.len() <= 1);
    assert_eq!(failures.is_empty(), counts.failed == 0);
    let from = failures.into_iter().next().map(|failure| {
        let from = failure.item_identifier;
        from.expect("without an identifier Lambda takes the whole for done")
    });
    if let Some(from) = from.as_deref().filter(|from| !from.is_empty()) {
        assert!(
            records
                .iter()
                .any(|record| sequence_number(record) == Some(from))
        );
    }

    let state = world.state();
    let done = [
        counts.published,
        counts.skipped,
        counts.parked,
        counts.left_to_sweeper,
    ];
    assert!(done.iter().sum::<usize>() + counts.failed <= records.len());
    assert_eq!(state.published.len() - before, counts.published);
    assert_eq!(state.deleted.len(), state.published.len());
    assert!(counts.parked <= state.parked.len());
    for row in &state.published[before..] {
        let is_told = |record: &&Value| {
            let text = |pointer| record.pointer(pointer).and_then(Value::as_str);
            text("/eventName") == Some("INSERT")
                && text("/dynamodb/Keys/aggregateId/S") == Some(&row.key.aggregate_id)
                && text("/dynamodb/Keys/position/S") == Some(&row.key.position)
                && text("/dynamodb/NewImage/detail/S") == Some(&row.detail)
        };
        assert!(records.iter().any(|record| is_told(&record)), "{row:?}");
    }
    for letter in &state.letters {
        assert!(
            !letter.code.is_empty() && !letter.message.is_empty(),
            "{letter:?}"
        );
    }
    from
}

/// What comes again as Lambda has it, if this is how a stream shows records: one
/// after the other, and not long before they happen.
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
