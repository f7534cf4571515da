//! Dead letters of the fake queue and stream.

use jiff::Timestamp;
use outbox::{
    Candidate, RowKey,
    ports::{DeadLetter, StreamRecord},
    replay::{LetterOutcome, Replay, Selection, Summary},
};
use serde_json::{Value, json};

use super::fakes::STREAM;
use crate::fakes::{World, start};

pub(crate) const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:1:table/outbox";

pub(super) fn replay(world: &World) -> Replay<World, World, World, World, World> {
    Replay::new(world.relay(), world.clone(), world.clone(), TABLE_ARN)
}

/// Replays everything. Returns the outcomes by message id.
pub(crate) async fn run(world: &World) -> (Summary, Vec<(String, LetterOutcome)>) {
    run_selected(world, &Selection::default()).await
}

pub(super) async fn run_selected(
    world: &World,
    selection: &Selection,
) -> (Summary, Vec<(String, LetterOutcome)>) {
    let mut outcomes = Vec::new();
    let summary = replay(world)
        .run(
            selection,
            || false,
            |message, outcome| outcomes.push((message.id.clone(), outcome.clone())),
        )
        .await
        .unwrap();
    (summary, outcomes)
}

pub(crate) fn settled(published: usize, before: usize) -> LetterOutcome {
    LetterOutcome::Settled {
        published,
        before,
        from_table: None,
    }
}

/// The relay's reference to a row.
pub(super) fn reference(key: &RowKey) -> String {
    let letter = DeadLetter {
        table: "outbox".into(),
        key: key.clone(),
        event_id: None,
        code: "InvalidArgument".into(),
        message: "no".into(),
        bytes: 1,
        sha256: "00".into(),
        at: start(),
    };
    serde_json::to_string(&letter).unwrap()
}

/// Lambda's pointer to a part of a shard.
pub(super) fn pointer(shard: &str, from: &str, to: &str) -> Value {
    pointer_of_age(shard, from, to, start())
}

pub(super) fn pointer_of_age(shard: &str, from: &str, to: &str, candidate: Timestamp) -> Value {
    json!({
        "requestContext": {
            "requestId": "1",
            "functionArn": "arn:aws:lambda:eu-central-1:1:function:relay:live",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 31,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "1",
            "functionError": null,
        },
        "version": "1.0",
        "timestamp": start(),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": from,
            "endSequenceNumber": to,
            "approximateArrivalOfFirstRecord": candidate,
            "approximateArrivalOfLastRecord": candidate,
            "batchSize": 1,
            "streamArn": STREAM,
        },
    })
}

/// Adds the stream record of a row's insert.
pub(crate) fn inserted(world: &World, shard: &str, number: &str, candidate: &Candidate) {
    add(world, shard, number, Some(candidate.key.clone()));
}

/// Adds a stream record of a mark or a delete.
pub(super) fn changed(world: &World, shard: &str, number: &str) {
    add(world, shard, number, None);
}

pub(super) fn empty_pages(world: &World, shard: &str, pages: usize) {
    world.with(|state| {
        let records = state.shards.entry(shard.into()).or_default();
        records.extend(vec![None; pages]);
    });
}

fn add(world: &World, shard: &str, number: &str, inserted: Option<RowKey>) {
    let record = StreamRecord {
        sequence_number: number.into(),
        inserted,
    };
    world.with(|state| {
        let records = state.shards.entry(shard.into()).or_default();
        records.push(Some(record));
    });
}
