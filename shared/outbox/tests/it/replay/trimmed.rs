//! Pointers to records that the stream no longer has.

use std::time::Duration;

use jiff::{SignedDuration, ToSpan};
use outbox::{
    OutboxRow,
    handlers::CutShort,
    ports::{CallError, Message, Place, ShardPosition, StreamError, StreamPage, StreamReader},
    relay::{BusError, Halt},
    replay::{LetterOutcome, Replay, Selection, SettleError},
};
use outbox_testing::{InMemoryAws, Operation};
use serde_json::json;
use tokio::time::Instant;

use super::dead_letters::{
    changed, dead_letter, dead_letters, inserted, pointer, pointer_of_age, run,
};
use crate::memory::{Rows, TABLE_ARN, denied_call, in_memory, refuse, row, start, transient};

/// Returns a row that was committed so long after the records of the pointers arrived.
fn committed_after(aws: &InMemoryAws, aggregate: &str, age: SignedDuration) -> OutboxRow {
    let mut row = row(aggregate, 1);
    row.committed_at = start() + age;
    aws.insert_row(row.clone());
    row
}

fn from_table(outcome: &LetterOutcome) -> (usize, &str) {
    match outcome {
        LetterOutcome::Settled {
            published,
            from_table: Some(reason),
            ..
        } => (*published, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_is_settled_once_all_older_rows_are_published() {
    let aws = in_memory();
    committed_after(&aws, "old", SignedDuration::from_mins(-60));
    committed_after(&aws, "slow clock", SignedDuration::from_mins(5));
    committed_after(&aws, "young", SignedDuration::from_secs(301));
    dead_letter(&aws, pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&aws).await;
    assert_eq!(from_table(&outcomes[0].1), (2, "there is no such shard"));
    assert_eq!(aws.pending_rows(), ["young/1"]);
    assert!(dead_letters(&aws).is_empty());
    assert_eq!(summary.published, 2);
}

#[tokio::test(start_paused = true)]
async fn a_range_with_an_end_missing_counts_as_trimmed() {
    let cases: [(&str, &str, &str); 3] = [
        ("100", "103", "trimmed"),
        (
            "101",
            "102",
            "the stream does not have the last record of the range",
        ),
        ("101", "200", "the shard ends before the range does"),
    ];
    for (from, to, reason) in cases {
        let aws = in_memory();
        inserted(&aws, "shard", "101", &aws.insert("a", 1));
        changed(&aws, "shard", "103");
        aws.with(|services| services.stream.end("shard"));
        dead_letter(&aws, pointer("shard", from, to).to_string());
        let (_, outcomes) = run(&aws).await;
        assert_eq!(from_table(&outcomes[0].1).1, reason);
        assert!(aws.pending_rows().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_replaced_is_settled_from_the_table() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    let mut replaced = pointer("shard", "100", "100");
    replaced["DDBStreamBatchInfo"]["streamArn"] =
        json!("arn:aws:dynamodb:eu-central-1:1:table/outbox/stream/before");
    dead_letter(&aws, replaced.to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(from_table(&outcomes[0].1).0, 1);
    assert!(aws.pending_rows().is_empty() && dead_letters(&aws).is_empty());
}

#[tokio::test(start_paused = true)]
async fn parked_rows_do_not_hold_up_a_trimmed_pointer() {
    let aws = in_memory();
    let parked = committed_after(&aws, "a", SignedDuration::ZERO).key;
    aws.park_row(&parked);
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(from_table(&outcomes[0].1).0, 0);
    assert!(dead_letters(&aws).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_an_older_row_fails() {
    let aws = in_memory();
    committed_after(&aws, "a", SignedDuration::ZERO);
    committed_after(&aws, "b", SignedDuration::ZERO);
    aws.set_fault_plan(refuse("a/1", transient()));
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Unpublished(1))
    );
    assert_eq!(dead_letters(&aws).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_the_table_cannot_be_read() {
    let aws = in_memory();
    committed_after(&aws, "a", SignedDuration::ZERO);
    aws.fail_with(Operation::Scan, [denied_call()]);
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::CutShort(CutShort::Scan(
            CallError::Configuration("AccessDenied".into())
        )))
    );
    assert_eq!(aws.pending_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_without_a_bus_ends_the_replay() {
    let aws = in_memory();
    committed_after(&aws, "a", SignedDuration::ZERO);
    aws.delete_bus();
    for _ in 0..11 {
        dead_letter(&aws, pointer("shard", "100", "100").to_string());
    }
    let (summary, _) = run(&aws).await;
    assert_eq!(summary.halted, Some(Halt::Bus(BusError::Missing)));
    assert_eq!(dead_letters(&aws).len(), 11);
}

#[tokio::test(start_paused = true)]
async fn many_trimmed_pointers_cost_one_pass_over_the_table() {
    let aws = in_memory();
    committed_after(&aws, "a", SignedDuration::ZERO);
    for minutes in 0..30_i64 {
        let last_record_at = start() - minutes.minutes();
        let pointer = pointer_of_age("shard", "100", "100", last_record_at);
        dead_letter(&aws, pointer.to_string());
    }
    let scans = aws.calls(Operation::Scan).len();
    let (summary, _) = run(&aws).await;
    assert_eq!(summary.settled, 30);
    assert_eq!(
        aws.calls(Operation::Scan).len() - scans,
        8,
        "one per segment"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_rows_cannot_be_deleted() {
    let aws = in_memory();
    committed_after(&aws, "a", SignedDuration::ZERO);
    aws.always_fail_with(Operation::BatchWriteItem, denied_call());
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Undeleted(1))
    );
}

/// A stream whose iterators begin with the record 101, whichever they should begin with.
struct FromLaterRecord(InMemoryAws);

impl StreamReader for FromLaterRecord {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let from = ShardPosition::At("101");
        self.0.open(&Place { from, ..*place }).await
    }

    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        self.0.read(iterator).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_read_from_a_later_record_counts_as_trimmed() {
    let aws = in_memory();
    inserted(&aws, "shard", "101", &aws.insert("a", 1));
    aws.insert("trimmed", 1);
    dead_letter(&aws, pointer("shard", "100", "101").to_string());
    let queue = aws.clone();
    let stream = FromLaterRecord(aws.clone());
    let replay = Replay::new(aws.relay(), stream, queue, TABLE_ARN);
    let mut outcomes = Vec::new();
    let note = |_: &Message, outcome: &LetterOutcome| outcomes.push(outcome.clone());
    let replayed = replay.run(&Selection::default(), || false, note).await;
    assert_eq!(replayed.unwrap().settled, 1);
    assert_eq!(
        from_table(&outcomes[0]).1,
        "the stream does not have the first record of the range"
    );
    assert!(
        aws.pending_rows().is_empty(),
        "what was trimmed is published"
    );
}

/// Makes the table so slow that one pass can't read it to its end: 195 s are for reading.
fn slow_table(aws: &InMemoryAws) {
    aws.with(|services| services.table.set_page_size(1));
    aws.set_latency(Operation::Scan, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_takes_several_passes_is_settled() {
    let aws = in_memory();
    slow_table(&aws);
    for sequence in 1..=100 {
        aws.insert("a", sequence);
    }
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(from_table(&outcomes[0].1).0, 100);
    assert!(dead_letters(&aws).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_publishes_nothing_in_time_leaves_the_letter() {
    let aws = in_memory();
    slow_table(&aws);
    for sequence in 1..=100 {
        let mut young = row("a", sequence);
        young.committed_at = start() + SignedDuration::from_hours(1);
        aws.insert_row(young);
    }
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    let begun = Instant::now();
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::CutShort(CutShort::OutOfTime))
    );
    assert!(begun.elapsed() > Duration::from_mins(3));
}
