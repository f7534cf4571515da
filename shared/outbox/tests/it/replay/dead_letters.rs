//! Dead letters, and the stream records that they name.

use jiff::Timestamp;
use outbox::{
    Candidate, RowKey,
    ports::DeadLetter,
    replay::{LetterOutcome, Replay, Selection, Summary},
};
use outbox_testing::{Change, ChangeKind, Fault, InMemoryAws, Operation};
use serde_json::{Value, json};

use crate::memory::{STREAM_ARN, TABLE_ARN, row, start};

pub(super) fn replay(
    aws: &InMemoryAws,
) -> Replay<InMemoryAws, InMemoryAws, InMemoryAws, InMemoryAws, InMemoryAws> {
    Replay::new(aws.relay(), aws.clone(), aws.clone(), TABLE_ARN)
}

/// Replays everything. Returns the outcomes by message id.
pub(crate) async fn run(aws: &InMemoryAws) -> (Summary, Vec<(String, LetterOutcome)>) {
    run_selected(aws, &Selection::default()).await
}

pub(super) async fn run_selected(
    aws: &InMemoryAws,
    selection: &Selection,
) -> (Summary, Vec<(String, LetterOutcome)>) {
    let mut outcomes = Vec::new();
    let summary = replay(aws)
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
pub(crate) fn reference(key: &RowKey) -> String {
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
            "streamArn": STREAM_ARN,
        },
    })
}

/// Adds the stream record of a row's insert.
pub(crate) fn inserted(aws: &InMemoryAws, shard: &str, number: &str, candidate: &Candidate) {
    add(
        aws,
        shard,
        number,
        ChangeKind::Insert,
        candidate.key.clone(),
    );
}

/// Adds a stream record of a mark or a delete.
pub(super) fn changed(aws: &InMemoryAws, shard: &str, number: &str) {
    add(
        aws,
        shard,
        number,
        ChangeKind::Modify,
        row("changed", 1).key,
    );
}

pub(super) fn empty_pages(aws: &InMemoryAws, pages: usize) {
    for _ in 0..pages {
        aws.fail_next(Operation::GetRecords, Fault::Page(0));
    }
}

pub(super) fn add(aws: &InMemoryAws, shard: &str, number: &str, kind: ChangeKind, key: RowKey) {
    let change = Change {
        kind,
        key,
        image: None,
    };
    aws.with(|services| {
        let now = services.now();
        services.stream.push_numbered(shard, number, &change, now);
    });
}

/// Returns the ids of the messages in the dead-letter queue.
pub(crate) fn dead_letters(aws: &InMemoryAws) -> Vec<String> {
    aws.with(|services| {
        let messages = services.queue.messages().iter();
        messages.map(|queued| queued.message.id.clone()).collect()
    })
}

/// Puts a message into the dead-letter queue.
pub(crate) fn dead_letter(aws: &InMemoryAws, body: impl Into<String>) {
    aws.with(|services| {
        let now = services.now();
        services.queue.send(body, now)
    });
}

/// Returns whether another reader would receive every message now.
pub(super) fn is_all_visible(aws: &InMemoryAws) -> bool {
    aws.with(|services| {
        let now = services.now();
        services.queue.depth(now).hidden == 0
    })
}
