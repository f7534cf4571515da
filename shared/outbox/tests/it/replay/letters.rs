//! Every kind of dead letter, and messages that are not dead letters.

use std::time::Duration;

use outbox::{
    RowKey,
    ports::{CallError, EntryError, StreamError},
    relay::Failure,
    replay::{LetterOutcome, SettleError},
};
use outbox_testing::{Call, ChangeKind, Fault, Happened, InMemoryAws, Operation};
use serde_json::json;
use tokio::time::Instant;

use super::dead_letters::{
    add, changed, dead_letter, dead_letters, empty_pages, inserted, is_all_visible, pointer,
    reference, run, settled,
};
use crate::memory::{
    Rows, denied_call, in_memory, poison, refuse, row_with_detail, transient, transient_call,
};

/// Breaks something in the aws.
type Break = fn(&InMemoryAws);

#[tokio::test(start_paused = true)]
async fn rows_of_a_pointer_are_published_before_the_letter_is_deleted() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    inserted(&aws, "shard", "101", &aws.insert("b", 1));
    dead_letter(&aws, pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&aws).await;
    assert_eq!(outcomes, [("message-0".into(), settled(2, 0))]);
    assert_eq!((summary.settled, summary.published), (1, 2));
    assert_eq!(
        aws.happened().last(),
        Some(&Happened::MessageDeleted("message-0".into()))
    );
    assert!(aws.pending_rows().is_empty() && dead_letters(&aws).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_range_is_read_to_its_end_through_empty_pages() {
    let aws = in_memory();
    inserted(&aws, "shard", "99", &aws.insert("before", 1));
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    empty_pages(&aws, 7);
    changed(&aws, "shard", "101");
    changed(&aws, "shard", "102");
    empty_pages(&aws, 1);
    inserted(&aws, "shard", "1000", &aws.insert("b", 1));
    inserted(&aws, "shard", "1001", &aws.insert("after", 1));
    // The pointer counts one record, but its range has more.
    dead_letter(&aws, pointer("shard", "100", "1000").to_string());
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(2, 0));
    assert_eq!(aws.published_rows(), ["a/1", "b/1"]);
    assert_eq!(aws.pending_rows(), ["after/1", "before/1"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_replaced_after_the_last_record() {
    let aws = in_memory();
    for number in 100..106 {
        let row = aws.insert("a", number - 99);
        inserted(&aws, "shard", &number.to_string(), &row);
    }
    dead_letter(&aws, pointer("shard", "100", "105").to_string());
    aws.fail_with(Operation::GetShardIterator, [transient_call()]);
    aws.fail_next(Operation::GetRecords, Fault::Page(2));
    aws.fail_next(Operation::GetRecords, Fault::IteratorExpired);
    aws.fail_with(Operation::GetRecords, [transient_call()]);
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(6, 0));
}

#[tokio::test(start_paused = true)]
async fn rows_settled_in_the_meantime_are_not_published_again() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    let gone = aws.insert("b", 1);
    inserted(&aws, "shard", "101", &gone);
    aws.remove_row(&gone.key);
    dead_letter(&aws, pointer("shard", "100", "101").to_string());
    dead_letter(&aws, reference(&gone.key));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 1));
    assert_eq!(outcomes[1].1, settled(0, 1));
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_a_row_that_is_pending_again_is_published() {
    let aws = in_memory();
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_row_is_parked_stays_and_names_it() {
    let aws = in_memory();
    let parked = aws.insert("a", 1).key;
    aws.park_row(&parked);
    inserted(&aws, "shard", "100", &aws.insert("b", 1));
    add(&aws, "shard", "101", ChangeKind::Insert, parked.clone());
    dead_letter(&aws, reference(&parked));
    dead_letter(&aws, pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&aws).await;
    let stays = LetterOutcome::Pending {
        parked: vec![parked],
        failed: vec![],
    };
    assert_eq!(outcomes[0].1, stays);
    assert_eq!(outcomes[1].1, stays, "the other row is published");
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!((summary.settled, summary.left), (0, 2));
    assert!(is_all_visible(&aws), "given back");
}

#[tokio::test(start_paused = true)]
async fn rows_before_a_named_one_are_published_and_those_that_it_held() {
    let aws = in_memory();
    for sequence in 1..=3 {
        aws.insert("a", sequence);
    }
    let second = row_with_detail("a", 2, "{}").key;
    dead_letter(&aws, reference(&second));
    let (summary, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
    assert_eq!(summary.published, 3);
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3"]);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_of_several_pages_stays_in_sequence() {
    let aws = in_memory();
    aws.with(|services| services.table.set_page_size(7));
    for sequence in 1..=20 {
        aws.insert("a", sequence);
    }
    dead_letter(&aws, reference(&row_with_detail("a", 20, "{}").key));
    run(&aws).await;
    let expected: Vec<String> = (1..=20).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(aws.published_rows(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_letter_of_a_row_that_fails_stays() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", transient()));
    let key = aws.insert("a", 1).key;
    dead_letter(&aws, reference(&key));
    dead_letter(&aws, reference(&aws.insert("b", 1).key));
    let (summary, outcomes) = run(&aws).await;
    let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
        panic!("{outcomes:?}");
    };
    assert_eq!(failed[0].0, key);
    assert_eq!(
        failed[0].1.to_string(),
        "not accepted in time: InternalFailure"
    );
    assert_eq!(outcomes[1].1, settled(1, 0));
    assert_eq!(dead_letters(&aws), ["message-0"]);
    assert_eq!((summary.settled, summary.left), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_leaves_the_letter() {
    let failures: [Break; 2] = [
        |aws| {
            aws.always_fail_with(Operation::BatchGetItem, transient_call());
        },
        |aws| {
            aws.always_fail_with(Operation::Query, transient_call());
        },
    ];
    for fail in failures {
        let aws = in_memory();
        dead_letter(&aws, reference(&aws.insert("a", 1).key));
        fail(&aws);
        let (_, outcomes) = run(&aws).await;
        let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
            panic!("{outcomes:?}");
        };
        assert_eq!(failed[0].1.to_string(), "could not be looked up: busy");
        assert_eq!(dead_letters(&aws), ["message-0"]);
        assert_eq!(aws.pending_rows(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn poison_found_by_a_replay_is_parked_with_a_letter() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", poison()));
    let key = aws.insert("a", 1).key;
    dead_letter(&aws, reference(&key));
    dead_letter(&aws, reference(&aws.insert("b", 1).key));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Pending {
            parked: vec![key],
            failed: vec![]
        }
    );
    assert_eq!(aws.letters_sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_nothing_is_deleted_and_the_replay_ends() {
    let setups: [(Break, &str); 2] = [
        (
            |aws| aws.delete_bus(),
            "could not confirm that the bus exists: there is no such bus",
        ),
        (
            |aws| {
                aws.always_fail_with(
                    Operation::PutEvents,
                    CallError::Configuration("AccessDenied".into()),
                );
            },
            "the bus rejects every request: AccessDenied",
        ),
    ];
    for (break_bus, reason) in setups {
        let aws = in_memory();
        for aggregate in 0..25 {
            dead_letter(&aws, reference(&aws.insert(&aggregate.to_string(), 1).key));
        }
        break_bus(&aws);
        let (summary, outcomes) = run(&aws).await;
        let halted = summary.halted.map(|halt| halt.to_string());
        assert_eq!(halted.as_deref(), Some(reason));
        assert_eq!(outcomes.len(), 10, "one batch");
        assert_eq!(dead_letters(&aws).len(), 25);
        assert_eq!(aws.pending_rows().len(), 25);
        assert!(aws.published_rows().is_empty());
        assert!(is_all_visible(&aws), "given back");
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_without_permission_does_not_end_the_replay() {
    let aws = in_memory();
    aws.set_fault_plan(refuse(
        "a/1",
        EntryError::Configuration("NotAuthorized".into()),
    ));
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    dead_letter(&aws, reference(&aws.insert("b", 1).key));
    let (summary, _) = run(&aws).await;
    assert_eq!(summary.halted, None);
    assert_eq!(dead_letters(&aws), ["message-0"]);
}

#[tokio::test(start_paused = true)]
async fn foreign_and_forged_messages_stay_and_are_reported() {
    let aws = in_memory();
    let row = aws.insert("a", 1);
    inserted(&aws, "shard", "100", &row);
    let mut other_stream = pointer("shard", "100", "100");
    other_stream["DDBStreamBatchInfo"]["streamArn"] =
        json!("arn:aws:dynamodb:eu-central-1:1:table/outbox-of-others/stream/now");
    let mut other_account = pointer("shard", "100", "100");
    other_account["DDBStreamBatchInfo"]["streamArn"] =
        json!("arn:aws:dynamodb:eu-central-1:2:table/outbox/stream/now");
    let other_table = reference(&row.key).replace("\"table\":\"outbox\"", "\"table\":\"other\"");
    for body in [
        "hello".to_owned(),
        json!({"Records": []}).to_string(),
        other_stream.to_string(),
        other_account.to_string(),
        other_table,
    ] {
        dead_letter(&aws, body);
    }
    let (_, outcomes) = run(&aws).await;
    let said: Vec<String> = outcomes
        .iter()
        .map(|(_, outcome)| match outcome {
            LetterOutcome::Unsettled(unsettled) => unsettled.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            "not a dead letter: it is not JSON",
            "not a dead letter: it has neither DDBStreamBatchInfo nor aggregateId",
            "of another outbox: its stream is \"arn:aws:dynamodb:eu-central-1:1:table/outbox-of-others/stream/now\"",
            "of another outbox: its stream is \"arn:aws:dynamodb:eu-central-1:2:table/outbox/stream/now\"",
            "of another outbox: its table is \"other\"",
        ]
    );
    assert_eq!(dead_letters(&aws).len(), 5);
    assert_eq!(aws.pending_rows(), ["a/1"]);
    assert!(is_all_visible(&aws), "given back");
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_a_row_that_never_existed_is_settled() {
    let aws = in_memory();
    dead_letter(&aws, reference(&row_with_detail("forged", 1, "{}").key));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(0, 1));
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_range_whose_end_never_arrives_is_given_up_in_time() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    dead_letter(&aws, pointer("shard", "100", "999").to_string());
    empty_pages(&aws, 10_000);
    let begun = Instant::now();
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Stream(StreamError::Call(
            CallError::Transient("the end of the range was not reached in time".into())
        )))
    );
    assert!(begun.elapsed() < Duration::from_secs(70));
    assert!(aws.calls(Operation::GetRecords).len() < 300, "no busy loop");
    assert_eq!(dead_letters(&aws).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_letter_stays_without_permission_to_read_the_stream() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    aws.fail_with(Operation::GetShardIterator, [denied_call()]);
    let (_, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Stream(StreamError::Call(
            CallError::Configuration("AccessDenied".into())
        )))
    );
    assert_eq!(aws.pending_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_parked_ends_the_replay() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", poison()));
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    dead_letter(&aws, reference(&aws.insert("b", 1).key));
    aws.always_fail_with(Operation::UpdateItem, denied_call());
    let (summary, _) = run(&aws).await;
    assert_eq!(
        summary.halted.map(|halt| halt.to_string()).as_deref(),
        Some("a/1 could not be parked: AccessDenied")
    );
    assert_eq!(aws.letters_sent(), 1);
    // The last is the relay's own, which it sends before it parks.
    assert_eq!(dead_letters(&aws), ["message-0", "message-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_stays_while_its_published_row_is_not_deleted() {
    let aws = in_memory();
    aws.fail_with(Operation::BatchWriteItem, [denied_call()]);
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    let (_, outcomes) = run(&aws).await;
    let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        failed[0].1.to_string(),
        "published, but could not be deleted"
    );
    assert_eq!(dead_letters(&aws), ["message-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_up_is_repeated() {
    let aws = in_memory();
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    aws.fail_with(Operation::BatchGetItem, [transient_call()]);
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_always_fails_is_read_less_and_less_often() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    aws.always_fail_with(Operation::GetRecords, transient_call());
    let (_, outcomes) = run(&aws).await;
    let LetterOutcome::Unsettled(SettleError::Stream(_)) = outcomes[0].1 else {
        panic!("{outcomes:?}");
    };
    let calls = aws.calls(Operation::GetRecords).len();
    assert!((20..60).contains(&calls), "{calls} calls");
}

/// Of a minute until the deadline, two thirds are for puts. Another attempt has half a minute.
#[tokio::test(start_paused = true)]
async fn a_replay_waits_for_a_bus_that_fails_for_most_of_a_minute() {
    let aws = in_memory();
    dead_letter(&aws, reference(&aws.insert("a", 1).key));
    let works_from = Instant::now() + Duration::from_secs(45);
    aws.set_fault_plan(move |call: &Call<'_>| {
        let fails = call.operation == Operation::PutEvents && Instant::now() < works_from;
        fails.then(|| Fault::Error(transient_call()))
    });
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
}

/// The bus may have accepted the event: each letter about it would add two more copies.
#[tokio::test(start_paused = true)]
async fn an_event_without_answer_is_put_twice_at_most_for_all_its_letters() {
    let aws = in_memory();
    let row = aws.insert("a", 1);
    for _ in 0..25 {
        dead_letter(&aws, reference(&row.key));
    }
    aws.set_fault_plan(|call: &Call<'_>| {
        let hangs = call.operation == Operation::PutEvents;
        hangs.then(|| Fault::Slow(Duration::from_mins(10)))
    });
    let (summary, _) = run(&aws).await;
    assert_eq!((summary.settled, summary.left), (0, 25));
    let puts = aws.calls(Operation::PutEvents).len();
    assert!((1..=2).contains(&puts), "{puts} requests");
    assert_eq!(aws.pending_rows(), ["a/1"]);
}

/// The command for the first letter puts the event of the second, too, because it follows.
#[tokio::test(start_paused = true)]
async fn an_event_without_answer_is_not_put_again_for_a_later_letter() {
    let aws = in_memory();
    let letters = 15;
    let rows: Vec<RowKey> = (1..=letters)
        .map(|sequence| aws.insert("a", sequence).key)
        .collect();
    for row in &rows {
        dead_letter(&aws, reference(row));
    }
    aws.with(|services| services.bus.limits.several_of_aggregate = false);
    aws.set_fault_plan(|call: &Call<'_>| {
        let hangs = call.operation == Operation::PutEvents && call.rows[0].sequence() > Some(10);
        hangs.then(|| Fault::Slow(Duration::from_mins(10)))
    });
    let (summary, _) = run(&aws).await;
    assert_eq!((summary.settled, summary.left), (10, 5));
    let puts = aws.calls(Operation::PutEvents).len();
    assert!((11..=12).contains(&puts), "{puts} requests");
}

#[tokio::test(start_paused = true)]
async fn rows_behind_a_parked_one_are_read_once_for_all_their_letters() {
    let aws = in_memory();
    let rows: Vec<RowKey> = (1..=26)
        .map(|sequence| aws.insert("a", sequence).key)
        .collect();
    aws.park_row(&rows[0]);
    for row in &rows[1..] {
        dead_letter(&aws, reference(row));
    }
    let (summary, _) = run(&aws).await;
    assert_eq!((summary.settled, summary.left), (0, 25));
    assert_eq!(aws.calls(Operation::Query).len(), 1);
}

/// The first ten letters wait for the failed row, the others don't.
#[tokio::test(start_paused = true)]
async fn rows_behind_a_failed_one_wait_for_it_once_for_all_their_letters() {
    let aws = in_memory();
    aws.with(|services| services.bus.limits.several_of_aggregate = false);
    aws.set_fault_plan(refuse("a/1", transient()));
    let first = aws.insert("a", 1).key;
    let rows: Vec<RowKey> = (2..=26)
        .map(|sequence| aws.insert("a", sequence).key)
        .collect();
    for row in &rows {
        dead_letter(&aws, reference(row));
    }
    let begun = Instant::now();
    let (summary, outcomes) = run(&aws).await;
    assert_eq!((summary.settled, summary.left), (0, 25));
    assert!(
        begun.elapsed() < Duration::from_secs(100),
        "{:?}",
        begun.elapsed()
    );
    for (row, (_, outcome)) in rows.iter().zip(outcomes) {
        let held_back = LetterOutcome::Pending {
            parked: vec![],
            failed: vec![(row.clone(), Failure::HeldBack(first.clone()))],
        };
        assert_eq!(outcome, held_back);
    }
}
