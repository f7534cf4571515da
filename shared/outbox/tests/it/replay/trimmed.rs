//! Pointers to records that the stream no longer has.

use jiff::{SignedDuration, ToSpan};
use outbox::{
    OutboxRow,
    handlers::CutShort,
    ports::{CallError, RowState},
    replay::{LetterOutcome, SettleError},
};
use serde_json::json;

use super::world::{changed, inserted, pointer, pointer_of_age, run};
use crate::fakes::{World, refuse, row, start, transient};

/// Returns a row that was committed so long after the records of the pointers arrived.
fn committed_after(world: &World, aggregate: &str, age: SignedDuration) -> OutboxRow {
    let mut row = row(aggregate, 1);
    row.committed_at = start() + age;
    world.insert_row(row.clone());
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
    let world = World::default();
    committed_after(&world, "old", SignedDuration::from_mins(-60));
    committed_after(&world, "slow clock", SignedDuration::from_mins(5));
    committed_after(&world, "young", SignedDuration::from_secs(301));
    world.dead_letter(pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&world).await;
    assert_eq!(from_table(&outcomes[0].1), (2, "there is no such shard"));
    assert_eq!(world.pending(), ["young/1"]);
    assert!(world.dead_letters().is_empty());
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
        let world = World::default();
        world.with(|state| state.shards_ended = true);
        inserted(&world, "shard", "101", &world.insert("a", 1));
        changed(&world, "shard", "103");
        world.dead_letter(pointer("shard", from, to).to_string());
        let (_, outcomes) = run(&world).await;
        assert_eq!(from_table(&outcomes[0].1).1, reason);
        assert!(world.pending().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_replaced_is_settled_from_the_table() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    let mut replaced = pointer("shard", "100", "100");
    replaced["DDBStreamBatchInfo"]["streamArn"] =
        json!("arn:aws:dynamodb:eu-central-1:1:table/outbox/stream/before");
    world.dead_letter(replaced.to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(from_table(&outcomes[0].1).0, 1);
    assert!(world.pending().is_empty() && world.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn parked_rows_do_not_hold_up_a_trimmed_pointer() {
    let world = World::default();
    let parked = committed_after(&world, "a", SignedDuration::ZERO).key;
    world.with(|state| state.rows.insert(parked, RowState::Parked));
    world.dead_letter(pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(from_table(&outcomes[0].1).0, 0);
    assert!(world.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_an_older_row_fails() {
    let world = World::default();
    committed_after(&world, "a", SignedDuration::ZERO);
    committed_after(&world, "b", SignedDuration::ZERO);
    world.answer(refuse("a/1", transient()));
    world.dead_letter(pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Unpublished(1))
    );
    assert_eq!(world.dead_letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_the_table_cannot_be_read() {
    let world = World::default();
    committed_after(&world, "a", SignedDuration::ZERO);
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.scan_errors.push_back(denied);
    });
    world.dead_letter(pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::CutShort(CutShort::Scan(
            CallError::Configuration("AccessDenied".into())
        )))
    );
    assert_eq!(world.pending(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_without_a_bus_ends_the_replay() {
    let world = World::default();
    committed_after(&world, "a", SignedDuration::ZERO);
    world.with(|state| state.bus_exists = Ok(false));
    for _ in 0..11 {
        world.dead_letter(pointer("shard", "100", "100").to_string());
    }
    let (summary, _) = run(&world).await;
    assert_eq!(summary.halted.as_deref(), Some("there is no such bus"));
    assert_eq!(world.dead_letters().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn many_trimmed_pointers_cost_one_pass_over_the_table() {
    let world = World::default();
    committed_after(&world, "a", SignedDuration::ZERO);
    for minutes in 0..30_i64 {
        let last_record_at = start() - minutes.minutes();
        let pointer = pointer_of_age("shard", "100", "100", last_record_at);
        world.dead_letter(pointer.to_string());
    }
    let scans = world.with(|state| state.scans);
    let (summary, _) = run(&world).await;
    assert_eq!(summary.settled, 30);
    assert_eq!(
        world.with(|state| state.scans) - scans,
        8,
        "one per segment"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trimmed_pointer_stays_while_rows_cannot_be_deleted() {
    let world = World::default();
    committed_after(&world, "a", SignedDuration::ZERO);
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.delete_errors.extend(vec![denied; 100]);
    });
    world.dead_letter(pointer("shard", "100", "100").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Undeleted(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_range_read_from_a_later_record_counts_as_trimmed() {
    let world = World::default();
    world.with(|state| state.iterators_begin_anywhere = true);
    inserted(&world, "shard", "101", &world.insert("a", 1));
    world.insert("trimmed", 1);
    world.dead_letter(pointer("shard", "100", "101").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        from_table(&outcomes[0].1).1,
        "the stream does not have the first record of the range"
    );
    assert!(world.pending().is_empty(), "what was trimmed is published");
}
