//! Replaying the whole queue.

use std::{cell::Cell, collections::HashSet, time::Duration};

use outbox::{
    handlers::Sweeper,
    ports::{CallError, RowState},
    replay::{LetterOutcome, Selection, SettleError},
};
use tokio::time::Instant;

use super::world::{inserted, pointer, reference, replay, run, run_selected, settled};
use crate::fakes::World;

fn dead(world: &World, letters: usize) {
    for aggregate in 0..letters {
        world.dead_letter(reference(&world.insert(&aggregate.to_string(), 1).key));
    }
}

fn park_all(world: &World) {
    world.with(|state| {
        for row in state.rows.values_mut() {
            *row = RowState::Parked;
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_is_nothing_to_do() {
    let world = World::default();
    let (summary, _) = run(&world).await;
    assert_eq!(summary, outbox::replay::Summary::default());
    assert_eq!(world.with(|state| state.exists_calls), 0);
}

#[tokio::test(start_paused = true)]
async fn every_letter_is_replayed_once_whatever_stays() {
    let world = World::default();
    dead(&world, 35);
    park_all(&world);
    let (summary, outcomes) = run(&world).await;
    assert_eq!((summary.left, outcomes.len()), (35, 35));
    assert!(world.is_all_visible(), "given back");
}

#[tokio::test(start_paused = true)]
async fn letters_received_again_in_a_long_run_are_not_replayed_twice() {
    let world = World::default();
    dead(&world, 200);
    park_all(&world);
    // So slow that the first letters become visible again before the end.
    world.with(|state| state.look_up_latency = Duration::from_secs(30));
    let (summary, outcomes) = run(&world).await;
    let ids: HashSet<&String> = outcomes.iter().map(|(id, _)| id).collect();
    assert_eq!((outcomes.len(), ids.len()), (200, 200));
    assert_eq!(summary.left, 200);
}

#[tokio::test(start_paused = true)]
async fn only_selected_letters_are_replayed_and_others_given_back() {
    let world = World::default();
    dead(&world, 25);
    let selection = Selection {
        ids: HashSet::from(["message 3".to_owned(), "message 17".to_owned()]),
        limit: None,
    };
    let (summary, _) = run_selected(&world, &selection).await;
    assert_eq!(summary.settled, 2);
    assert_eq!(world.published(), ["3/1", "17/1"]);
    assert_eq!(world.dead_letters().len(), 23);
    assert!(world.is_all_visible(), "given back");
}

#[tokio::test(start_paused = true)]
async fn no_more_letters_are_replayed_than_the_limit() {
    for limit in [1, 10, 15] {
        let world = World::default();
        dead(&world, 25);
        let selection = Selection {
            limit: Some(limit),
            ..Selection::default()
        };
        let (summary, _) = run_selected(&world, &selection).await;
        assert_eq!(summary.settled, limit);
        assert_eq!(world.dead_letters().len(), 25 - limit);
        assert!(world.is_all_visible(), "given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_stops_between_batches_when_asked_to() {
    let world = World::default();
    dead(&world, 25);
    let told = Cell::new(0);
    let summary = replay(&world)
        .run(
            &Selection::default(),
            || told.get() > 0,
            |_, _| told.set(told.get() + 1),
        )
        .await
        .unwrap();
    assert_eq!(summary.settled, 10);
    assert_eq!(world.dead_letters().len(), 15);
}

#[tokio::test(start_paused = true)]
async fn letters_stay_hidden_as_long_as_work_on_them_takes() {
    let world = World::default();
    dead(&world, 3);
    // The bus accepts nothing for longer than messages are hidden.
    world.with(|state| state.put_latency = Duration::from_secs(10));
    world.answer(|_| Some(Err(CallError::Transient("busy".into()))));
    world.with(|state| {
        let busy = CallError::Transient("busy".into());
        state.look_up_errors.extend(vec![busy; 10]);
        state.look_up_latency = Duration::from_secs(4);
    });
    let begun = Instant::now();
    let replay = replay(&world);
    let selection = Selection::default();
    let watch = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut seen = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen += usize::from(world.is_all_visible());
            assert_eq!(seen, 0, "after {:?}", begun.elapsed());
        }
    };
    tokio::select! {
        summary = replay.run(&selection, || false, |_, _| {}) => {
            assert_eq!(summary.unwrap().left, 3);
        }
        () = watch => {}
    }
    assert!(world.is_all_visible(), "given back");
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_letter_is_reported_and_settled_by_the_next_replay() {
    let world = World::default();
    dead(&world, 1);
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.queue_delete_errors.push_back(denied);
    });
    let (summary, outcomes) = run(&world).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Delete(CallError::Configuration(
            "AccessDenied".into()
        )))
    );
    assert_eq!((summary.settled, summary.left), (0, 1));
    let (_, outcomes) = run(&world).await;
    assert_eq!(outcomes[0].1, settled(0, 1));
    assert_eq!(world.published(), ["0/1"], "once");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_queue_is_an_error_and_letters_are_given_back() {
    let world = World::default();
    dead(&world, 15);
    park_all(&world);
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.queue_errors.push_back(denied.clone());
    });
    let replay = replay(&world);
    let result = replay.run(&Selection::default(), || false, |_, _| {}).await;
    assert_eq!(result, Err(CallError::Configuration("AccessDenied".into())));
    assert!(world.is_all_visible());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_reports_what_a_replay_would_do_and_does_nothing() {
    let world = World::default();
    inserted(&world, "shard", "100", &world.insert("a", 1));
    let parked = world.insert("b", 1).key;
    world.with(|state| state.rows.insert(parked.clone(), RowState::Parked));
    world.dead_letter(pointer("shard", "100", "100").to_string());
    world.dead_letter(reference(&parked));
    world.dead_letter("hello");
    let mut outcomes = Vec::new();
    replay(&world)
        .dry_run(&Selection::default(), |_, outcome| {
            outcomes.push(outcome.clone());
        })
        .await
        .unwrap();
    assert_eq!(outcomes[0], settled(1, 0));
    assert_eq!(
        outcomes[1],
        LetterOutcome::Pending {
            parked: vec![parked],
            failed: vec![]
        }
    );
    assert!(matches!(outcomes[2], LetterOutcome::Unsettled(_)));
    assert!(world.published().is_empty());
    assert_eq!(world.dead_letters().len(), 3);
    assert!(world.is_all_visible(), "given back");
}

#[tokio::test(start_paused = true)]
async fn peeking_leaves_every_letter_visible() {
    let world = World::default();
    dead(&world, 25);
    let messages = replay(&world).peek(&Selection::default()).await.unwrap();
    assert_eq!(messages.len(), 25);
    assert!(!messages[0].body.is_empty());
    assert!(world.is_all_visible());
}

#[tokio::test(start_paused = true)]
async fn two_replays_at_once_leave_nothing_pending_and_lose_nothing() {
    let world = World::default();
    dead(&world, 60);
    let (first, second) = tokio::join!(run(&world), run(&world));
    assert_eq!(first.0.settled + second.0.settled, 60);
    assert!(world.dead_letters().is_empty() && world.pending().is_empty());
    let mut published = world.published();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_letter_deleted_by_hand_loses_nothing() {
    let world = World::default();
    let mut row = crate::fakes::row("a", 1);
    row.committed_at -= jiff::SignedDuration::from_mins(16);
    world.dead_letter(reference(&world.insert_row(row).key));
    world.with(|state| state.queue.clear());
    let grace = jiff::SignedDuration::from_mins(15);
    let deadline = Instant::now() + Duration::from_mins(4);
    Sweeper::new(world.relay(), grace).sweep(deadline).await;
    assert_eq!(world.published(), ["a/1"]);
}
