//! Replaying the whole queue.

use std::{cell::Cell, collections::HashSet, time::Duration};

use outbox::{
    handlers::Sweeper,
    ports::CallError,
    replay::{LetterOutcome, Selection, SettleError},
};
use outbox_testing::{InMemoryAws, Operation};
use tokio::time::Instant;

use super::dead_letters::{
    dead_letter, dead_letters, inserted, is_all_visible, pointer, reference, replay, run,
    run_selected, settled,
};
use crate::memory::{Rows, denied_call, in_memory, row, transient_call};

fn dead(aws: &InMemoryAws, letters: usize) {
    for aggregate in 0..letters {
        dead_letter(aws, reference(&aws.insert(&aggregate.to_string(), 1).key));
    }
}

fn park_all(aws: &InMemoryAws) {
    for key in aws.pending() {
        aws.park_row(&key);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_is_nothing_to_do() {
    let aws = in_memory();
    let (summary, _) = run(&aws).await;
    assert_eq!(summary, outbox::replay::Summary::default());
    assert_eq!(aws.calls(Operation::DescribeEventBus).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_letter_is_replayed_once_whatever_stays() {
    let aws = in_memory();
    dead(&aws, 35);
    park_all(&aws);
    let (summary, outcomes) = run(&aws).await;
    assert_eq!((summary.left, outcomes.len()), (35, 35));
    assert!(is_all_visible(&aws), "given back");
}

#[tokio::test(start_paused = true)]
async fn letters_received_again_in_a_long_run_are_not_replayed_twice() {
    let aws = in_memory();
    dead(&aws, 200);
    park_all(&aws);
    // So slow that the first letters become visible again before the end.
    aws.set_latency(Operation::BatchGetItem, Duration::from_secs(30));
    let (summary, outcomes) = run(&aws).await;
    let ids: HashSet<&String> = outcomes.iter().map(|(id, _)| id).collect();
    assert_eq!((outcomes.len(), ids.len()), (200, 200));
    assert_eq!(summary.left, 200);
}

#[tokio::test(start_paused = true)]
async fn only_selected_letters_are_replayed_and_others_given_back() {
    let aws = in_memory();
    dead(&aws, 25);
    let selection = Selection {
        ids: HashSet::from(["message-3".to_owned(), "message-17".to_owned()]),
        limit: None,
    };
    let (summary, _) = run_selected(&aws, &selection).await;
    assert_eq!(summary.settled, 2);
    assert_eq!(aws.published_rows(), ["3/1", "17/1"]);
    assert_eq!(dead_letters(&aws).len(), 23);
    assert!(is_all_visible(&aws), "given back");
    let receives = aws.calls(Operation::ReceiveMessage).len();
    assert_eq!(receives, 2, "none after the last selected letter");
}

/// While the first letters are visible again before the last one is received, no receive is empty.
#[tokio::test(start_paused = true)]
async fn a_replay_ends_when_it_receives_only_letters_that_it_leaves() {
    let aws = in_memory();
    dead(&aws, 100);
    aws.set_latency(Operation::ReceiveMessage, Duration::from_secs(4));
    let selection = Selection {
        ids: HashSet::from(["message-100".to_owned()]),
        limit: None,
    };
    let (summary, _) = run_selected(&aws, &selection).await;
    assert_eq!(summary.settled, 0);
    let receives = aws.calls(Operation::ReceiveMessage).len();
    assert!((15..30).contains(&receives), "{receives}");
}

#[tokio::test(start_paused = true)]
async fn no_more_letters_are_replayed_than_the_limit() {
    for limit in [1, 10, 15] {
        let aws = in_memory();
        dead(&aws, 25);
        let selection = Selection {
            limit: Some(limit),
            ..Selection::default()
        };
        let (summary, _) = run_selected(&aws, &selection).await;
        assert_eq!(summary.settled, limit);
        assert_eq!(dead_letters(&aws).len(), 25 - limit);
        assert!(is_all_visible(&aws), "given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_stops_between_batches_when_asked_to() {
    let aws = in_memory();
    dead(&aws, 25);
    let told = Cell::new(0);
    let summary = replay(&aws)
        .run(
            &Selection::default(),
            || told.get() > 0,
            |_, _| told.set(told.get() + 1),
        )
        .await
        .unwrap();
    assert_eq!(summary.settled, 10);
    assert_eq!(dead_letters(&aws).len(), 15);
}

#[tokio::test(start_paused = true)]
async fn letters_stay_hidden_as_long_as_work_on_them_takes() {
    let aws = in_memory();
    dead(&aws, 3);
    // The bus accepts nothing for longer than messages are hidden.
    aws.set_latency(Operation::PutEvents, Duration::from_secs(10));
    aws.always_fail_with(Operation::PutEvents, CallError::Transient("busy".into()));
    aws.fail_with(Operation::BatchGetItem, vec![transient_call(); 10]);
    aws.set_latency(Operation::BatchGetItem, Duration::from_secs(4));
    let begun = Instant::now();
    let replay = replay(&aws);
    let selection = Selection::default();
    let watch = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut seen = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen += usize::from(is_all_visible(&aws));
            assert_eq!(seen, 0, "after {:?}", begun.elapsed());
        }
    };
    tokio::select! {
        summary = replay.run(&selection, || false, |_, _| {}) => {
            assert_eq!(summary.unwrap().left, 3);
        }
        () = watch => {}
    }
    assert!(is_all_visible(&aws), "given back");
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_settled_at_once_are_not_hidden_for_longer() {
    let aws = in_memory();
    dead(&aws, 3);
    let (summary, _) = run(&aws).await;
    assert_eq!(summary.settled, 3);
    assert!(aws.calls(Operation::ChangeMessageVisibility).is_empty());
}

#[tokio::test(start_paused = true)]
async fn letters_are_given_back_by_a_queue_that_takes_its_time() {
    let aws = in_memory();
    dead(&aws, 3);
    park_all(&aws);
    aws.set_latency(Operation::ChangeMessageVisibility, Duration::from_secs(1));
    run(&aws).await;
    assert!(is_all_visible(&aws));
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_letter_is_reported_and_settled_by_the_next_replay() {
    let aws = in_memory();
    dead(&aws, 1);
    aws.fail_with(Operation::DeleteMessage, [denied_call()]);
    let (summary, outcomes) = run(&aws).await;
    assert_eq!(
        outcomes[0].1,
        LetterOutcome::Unsettled(SettleError::Delete(CallError::Configuration(
            "AccessDenied".into()
        )))
    );
    assert_eq!((summary.settled, summary.left), (0, 1));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(0, 1));
    assert_eq!(aws.published_rows(), ["0/1"], "once");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_queue_is_an_error_and_letters_are_given_back() {
    let aws = in_memory();
    dead(&aws, 15);
    park_all(&aws);
    aws.fail_with(Operation::ReceiveMessage, [denied_call()]);
    let replay = replay(&aws);
    let result = replay.run(&Selection::default(), || false, |_, _| {}).await;
    assert_eq!(result, Err(CallError::Configuration("AccessDenied".into())));
    assert!(is_all_visible(&aws));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_reports_what_a_replay_would_do_and_does_nothing() {
    let aws = in_memory();
    inserted(&aws, "shard", "100", &aws.insert("a", 1));
    let parked = aws.insert("b", 1).key;
    aws.park_row(&parked);
    dead_letter(&aws, pointer("shard", "100", "100").to_string());
    dead_letter(&aws, reference(&parked));
    dead_letter(&aws, "hello");
    let mut outcomes = Vec::new();
    replay(&aws)
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
    assert!(aws.published_rows().is_empty());
    assert_eq!(dead_letters(&aws).len(), 3);
    assert!(is_all_visible(&aws), "given back");
}

#[tokio::test(start_paused = true)]
async fn peeking_leaves_every_letter_visible() {
    let aws = in_memory();
    dead(&aws, 25);
    let messages = replay(&aws).peek(&Selection::default()).await.unwrap();
    assert_eq!(messages.len(), 25);
    assert!(!messages[0].body.is_empty());
    assert!(is_all_visible(&aws));
}

#[tokio::test(start_paused = true)]
async fn two_replays_at_once_leave_nothing_pending_and_lose_nothing() {
    let aws = in_memory();
    dead(&aws, 60);
    let (first, second) = tokio::join!(run(&aws), run(&aws));
    assert_eq!(first.0.settled + second.0.settled, 60);
    assert!(dead_letters(&aws).is_empty() && aws.pending_rows().is_empty());
    let mut published = aws.published_rows();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_letter_deleted_by_hand_loses_nothing() {
    let aws = in_memory();
    let mut row = row("a", 1);
    row.committed_at -= jiff::SignedDuration::from_mins(16);
    dead_letter(&aws, reference(&aws.insert_row(row).key));
    aws.with(|services| assert!(services.queue.remove("message-0")));
    let grace = jiff::SignedDuration::from_mins(15);
    let deadline = Instant::now() + Duration::from_mins(4);
    Sweeper::new(aws.relay(), grace).sweep(deadline).await;
    assert_eq!(aws.published_rows(), ["a/1"]);
}
