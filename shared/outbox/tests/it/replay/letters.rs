//! Every kind of dead letter, and messages that are not dead letters.

use std::time::Duration;

use outbox::{
    RowKey,
    ports::{CallError, EntryError, RowState, StreamError},
    replay::{LetterOutcome, SettleError},
};
use serde_json::json;
use tokio::time::Instant;

use super::world::{changed, empty_pages, inserted, pointer, reference, run, settled};
use crate::fakes::{World, poison, refuse, row_with_detail, transient};

/// Breaks something in the world.
type Break = fn(&World);

#[tokio::test(start_paused = true)]
async fn rows_of_a_pointer_are_published_before_the_letter_is_deleted() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    inserted(&world, "shard", "101", &world.insert("b", 1));
    world.dead_letter(pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&world).await;
    assert_eq!(outcomes, [("message 0".into(), settled(2, 0))]);
    assert_eq!((summary.settled, summary.published), (1, 2));
    assert_eq!(
        world.with(|state| state.log.last().cloned()).as_deref(),
        Some("delete message 0")
    );
    assert!(world.pending().is_empty() && world.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_range_is_read_to_its_end_through_empty_pages() {
    let world = World::default();
    inserted(&world, "shard", "99", &world.insert("before", 1));
    inserted(&world, "shard", "100", &world.insert("a", 1));
    empty_pages(&world, "shard", 7);
    changed(&world, "shard", "101");
    changed(&world, "shard", "102");
    empty_pages(&world, "shard", 1);
    inserted(&world, "shard", "1000", &world.insert("b", 1));
    inserted(&world, "shard", "1001", &world.insert("after", 1));
    // The pointer counts one record, but its range has more.
    world.dead_letter(pointer("shard", "100", "1000").to_string());
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(2, 0));
    assert_eq!(world.published(), ["a/1", "b/1"]);
    assert_eq!(world.pending(), ["after/1", "before/1"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_replaced_after_the_last_record() {
    let world = World::default();
    for number in 100..106 {
        let row = world.insert("a", number - 99);
        inserted(&world, "shard", &number.to_string(), &row);
    }
    world.dead_letter(pointer("shard", "100", "105").to_string());
    world.with(|state| {
        let busy = CallError::Transient("busy".into());
        state.stream_errors.extend([
            StreamError::Call(busy.clone()),
            StreamError::Expired,
            StreamError::Call(busy),
        ]);
    });
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(6, 0));
}

#[tokio::test(start_paused = true)]
async fn rows_settled_in_the_meantime_are_not_published_again() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    let gone = world.insert("b", 1);
    inserted(&world, "shard", "101", &gone);
    world.with(|state| state.rows.remove(&gone.key));
    world.dead_letter(pointer("shard", "100", "101").to_string());
    world.dead_letter(reference(&gone.key));
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(1, 1));
    assert_eq!(outcomes[1].1, settled(0, 1));
    assert_eq!(world.published(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_a_row_that_is_pending_again_is_published() {
    let world = World::default();
    world.dead_letter(reference(&world.insert("a", 1).key));
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_row_is_parked_stays_and_names_it() {
    let world = World::default();
    let parked = world.insert("a", 1).key;
    world.with(|state| state.rows.insert(parked.clone(), RowState::Parked));
    inserted(&world, "shard", "100", &world.insert("b", 1));
    add_parked_to_stream(&world, &parked);
    world.dead_letter(reference(&parked));
    world.dead_letter(pointer("shard", "100", "101").to_string());
    let (summary, outcomes) = run(&world).await;
    let stays = LetterOutcome::Pending {
        parked: vec![parked],
        failed: vec![],
    };
    assert_eq!(outcomes[0].1, stays);
    assert_eq!(outcomes[1].1, stays, "the other row is published");
    assert_eq!(world.published(), ["b/1"]);
    assert_eq!((summary.settled, summary.left), (0, 2));
    assert!(world.is_all_visible(), "given back");
}

fn add_parked_to_stream(world: &World, key: &RowKey) {
    world.with(|state| {
        let record = outbox::ports::StreamRecord {
            sequence_number: "101".into(),
            inserted: Some(key.clone()),
        };
        state.shards.get_mut("shard").unwrap().push(Some(record));
    });
}

#[tokio::test(start_paused = true)]
async fn rows_before_a_named_one_are_published_and_later_ones_left() {
    let world = World::default();
    for sequence in 1..=3 {
        world.insert("a", sequence);
    }
    let second = row_with_detail("a", 2, "{}").key;
    world.dead_letter(reference(&second));
    let (summary, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
    assert_eq!(summary.published, 2);
    assert_eq!(world.published(), ["a/1", "a/2"]);
    assert_eq!(world.pending(), ["a/3"]);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_of_several_pages_stays_in_sequence() {
    let world = World::default();
    world.with(|state| state.page = 7);
    for sequence in 1..=20 {
        world.insert("a", sequence);
    }
    world.dead_letter(reference(&row_with_detail("a", 20, "{}").key));
    run(&world).await;
    let expected: Vec<String> = (1..=20).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(world.published(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_letter_of_a_row_that_fails_stays() {
    let world = World::default();
    world.answer(refuse("a/1", transient()));
    let key = world.insert("a", 1).key;
    world.dead_letter(reference(&key));
    world.dead_letter(reference(&world.insert("b", 1).key));
    let (summary, outcomes) = run(&world).await;
    let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
        panic!("{outcomes:?}");
    };
    assert_eq!(failed[0].0, key);
    assert_eq!(
        failed[0].1.to_string(),
        "not accepted in time: InternalFailure"
    );
    assert_eq!(outcomes[1].1, settled(1, 0));
    assert_eq!(world.dead_letters(), ["message 0"]);
    assert_eq!((summary.settled, summary.left), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_leaves_the_letter() {
    let failures: [Break; 2] = [
        |world| {
            world.with(|state| {
                let busy = CallError::Transient("busy".into());
                state.look_up_errors.extend(vec![busy; 10_000]);
            });
        },
        |world| {
            world.with(|state| {
                let busy = CallError::Transient("busy".into());
                state.query_errors.extend(vec![busy; 10_000]);
            });
        },
    ];
    for fail in failures {
        let world = World::default();
        world.dead_letter(reference(&world.insert("a", 1).key));
        fail(&world);
        let (_, outcomes) = run(&world).await;
        let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
            panic!("{outcomes:?}");
        };
        assert_eq!(failed[0].1.to_string(), "could not be looked up: busy");
        assert_eq!(world.dead_letters(), ["message 0"]);
        assert_eq!(world.pending(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn poison_found_by_a_replay_is_parked_with_a_letter() {
    let world = World::default();
    world.answer(refuse("a/1", poison()));
    let key = world.insert("a", 1).key;
    world.dead_letter(reference(&key));
    world.dead_letter(reference(&world.insert("b", 1).key));
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Pending {
            parked: vec![key],
            failed: vec![]
        }
    );
    assert_eq!(world.with(|state| state.letters.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_nothing_is_deleted_and_the_replay_ends() {
    let setups: [(Break, &str); 2] = [
        (
            |world| world.with(|state| state.bus_exists = Ok(false)),
            "there is no such bus",
        ),
        (
            |world| world.answer(|_| Some(Err(CallError::Configuration("AccessDenied".into())))),
            "AccessDenied",
        ),
    ];
    for (break_bus, reason) in setups {
        let world = World::default();
        for aggregate in 0..25 {
            world.dead_letter(reference(&world.insert(&aggregate.to_string(), 1).key));
        }
        break_bus(&world);
        let (summary, outcomes) = run(&world).await;
        assert_eq!(summary.halted.as_deref(), Some(reason));
        assert_eq!(outcomes.len(), 10, "one batch");
        assert_eq!(world.dead_letters().len(), 25);
        assert_eq!(world.pending().len(), 25);
        assert!(world.published().is_empty());
        assert!(world.is_all_visible(), "given back");
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_without_permission_does_not_end_the_replay() {
    let world = World::default();
    world.answer(refuse(
        "a/1",
        EntryError::Configuration("NotAuthorized".into()),
    ));
    world.dead_letter(reference(&world.insert("a", 1).key));
    world.dead_letter(reference(&world.insert("b", 1).key));
    let (summary, _) = run(&world).await;
    assert_eq!(summary.halted, None);
    assert_eq!(world.dead_letters(), ["message 0"]);
}

#[tokio::test(start_paused = true)]
async fn foreign_and_forged_messages_stay_and_are_reported() {
    let world = World::default();
    let row = world.insert("a", 1);
    inserted(&world, "shard", "100", &row);
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
        world.dead_letter(body);
    }
    let (_, outcomes) = run(&world).await;
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
    assert_eq!(world.dead_letters().len(), 5);
    assert_eq!(world.pending(), ["a/1"]);
    assert!(world.is_all_visible(), "given back");
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_a_row_that_never_existed_is_settled() {
    let world = World::default();
    world.dead_letter(reference(&row_with_detail("forged", 1, "{}").key));
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(0, 1));
    assert!(world.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_range_whose_end_never_arrives_is_given_up_in_time() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    world.dead_letter(pointer("shard", "100", "999").to_string());
    empty_pages(&world, "shard", 10_000);
    let begun = Instant::now();
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Stream(StreamError::Call(
            CallError::Transient("the end of the range was not reached in time".into())
        )))
    );
    assert!(begun.elapsed() < Duration::from_secs(70));
    assert!(world.with(|state| state.stream_reads) < 300, "no busy loop");
    assert_eq!(world.dead_letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_letter_stays_without_permission_to_read_the_stream() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    world.dead_letter(pointer("shard", "100", "100").to_string());
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.stream_errors.push_back(StreamError::Call(denied));
    });
    let (_, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Stream(StreamError::Call(
            CallError::Configuration("AccessDenied".into())
        )))
    );
    assert_eq!(world.pending(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_parked_ends_the_replay() {
    let world = World::default();
    world.answer(refuse("a/1", poison()));
    world.dead_letter(reference(&world.insert("a", 1).key));
    world.dead_letter(reference(&world.insert("b", 1).key));
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.park_errors.extend(vec![denied; 100]);
    });
    let (summary, _) = run(&world).await;
    assert_eq!(
        summary.halted.as_deref(),
        Some("a/1 could not be parked: AccessDenied")
    );
    assert_eq!(world.with(|state| state.letters.len()), 1);
    assert_eq!(world.dead_letters(), ["message 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_stays_while_its_published_row_is_not_deleted() {
    let world = World::default();
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.delete_errors.push_back(denied);
    });
    world.dead_letter(reference(&world.insert("a", 1).key));
    let (_, outcomes) = run(&world).await;
    let LetterOutcome::Pending { failed, .. } = &outcomes[0].1 else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        failed[0].1.to_string(),
        "published, but could not be deleted"
    );
    assert_eq!(world.dead_letters(), ["message 0"]);
}
