//! What the stream leaves behind is published by the sweeper.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use devstack::{Fault, Functions, Kind, Mappings, Paths, Stack, Subscriber};
use jiff::SignedDuration;
use stream_mapping::{Settings, StartingPosition};
use stream_mapping_cli::Event;

use crate::{
    relay_metrics,
    row::{OLD, is_pending, new_event_id, write_row, write_row_of},
};

/// The most that an event that fails for ever may delay the others of its shard.
const MOST_DELAY: Duration = Duration::from_mins(1);

/// The timeout of everything else.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn events_that_the_stream_leaves_behind_are_swept() {
    let address = ([127, 0, 0, 1], 0).into();
    let stack = Stack::start(&Paths::of_this_project().unwrap(), address)
        .await
        .unwrap();
    let mut subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment)
        .await
        .unwrap();
    let skipped = write_row(&stack, OLD).await;
    let _mapping = map_from_latest(&stack).await;
    rows_before_a_mapping_at_latest_are_swept(&stack, &mut subscriber, &skipped).await;
    an_event_that_fails_for_ever_delays_others_briefly(&stack, &mut subscriber).await;
    stack.stop().await.unwrap();
}

/// Starts the stream mapping, which skips the records before it.
async fn map_from_latest(stack: &Stack) -> Mappings {
    let from_latest = |settings: &mut Settings| {
        settings.starting_position = StartingPosition::Latest;
    };
    let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
    let observer = move |event: &Event| {
        if matches!(event, Event::ShardBegun { .. }) {
            started.send(()).ok();
        }
    };
    let mapping = Mappings::take_over(
        &stack.clients,
        &stack.deployment,
        &Functions::Deployed,
        from_latest,
        Arc::new(observer),
    );
    let mapping = mapping.await.unwrap();
    has_started.recv().await.unwrap();
    mapping
}

async fn rows_before_a_mapping_at_latest_are_swept(
    stack: &Stack,
    subscriber: &mut Subscriber,
    skipped: &str,
) {
    // Rows written from now on arrive by the stream, which shows that the mapping works.
    let give_up_at = Instant::now() + PATIENCE;
    let mut streamed = Vec::new();
    while !streamed.iter().any(|id| subscriber.events.contains_key(id)) {
        assert!(
            Instant::now() < give_up_at,
            "no event arrives by the stream"
        );
        streamed.push(write_row(stack, OLD).await);
        subscriber.receive().await.unwrap();
    }
    assert!(!subscriber.events.contains_key(skipped));
    sweep(stack).await;
    until_arrived(subscriber, skipped).await;
}

async fn an_event_that_fails_for_ever_delays_others_briefly(
    stack: &Stack,
    subscriber: &mut Subscriber,
) {
    let bad = new_event_id();
    let fault = Fault {
        action: "PutEvents".to_owned(),
        kind: Kind::RejectEntries {
            containing: bad.clone(),
        },
        probability: 1.0,
        count: None,
    };
    stack.faults.rules().add(fault).unwrap();
    write_row_of(stack, OLD, &bad).await;
    let delays = write_until_left_to_sweeper(stack, subscriber).await;
    let longest = delays.iter().max().unwrap();
    println!(
        "{} events behind one that fails for ever: late by {:.1} s at most",
        delays.len(),
        longest.as_secs_f64()
    );
    assert!(*longest < MOST_DELAY, "{delays:?}");
    assert!(!subscriber.events.contains_key(&bad));
    assert!(is_pending(stack, &bad).await, "neither lost nor parked");

    assert!(stack.faults.rules().list()[0].hits > 1, "it was retried");
    stack.faults.rules().clear(None);
    sweep(stack).await;
    until_arrived(subscriber, &bad).await;
    assert!(!is_pending(stack, &bad).await);
}

/// Writes rows, which no writer publishes at once, until the relay has left an event to the sweeper,
/// and one more. Returns how long each took to the subscriber.
async fn write_until_left_to_sweeper(stack: &Stack, subscriber: &mut Subscriber) -> Vec<Duration> {
    let http = reqwest::Client::builder().no_proxy();
    let http = http.timeout(Duration::from_secs(20)).build().unwrap();
    let give_up_at = Instant::now() + PATIENCE;
    let mut waiting = BTreeMap::new();
    let mut delays = Vec::new();
    let mut is_left = false;
    loop {
        if !is_left {
            is_left = relay_metrics::sum(stack, &http, "LeftToSweeper").await > 0;
            let event = write_row(stack, SignedDuration::ZERO).await;
            waiting.insert(event, Instant::now());
        } else if waiting.is_empty() {
            break;
        }
        for event in subscriber.receive().await.unwrap() {
            let written = waiting.remove(&event);
            delays.extend(written.map(|written| written.elapsed()));
        }
        let events = waiting.len();
        let in_time = Instant::now() < give_up_at;
        assert!(
            in_time,
            "{events} events wait, left to the sweeper: {is_left}"
        );
    }
    assert_eq!(
        relay_metrics::sum(stack, &http, "LeftToSweeper").await,
        1,
        "only the event that fails is left"
    );
    delays
}

/// Runs the deployed sweeper once.
async fn sweep(stack: &Stack) {
    let sweeper = &stack.deployment.functions["sweep-outbox"];
    let swept = stack.clients.lambda.invoke().function_name(sweeper).send();
    assert_eq!(swept.await.unwrap().function_error(), None);
}

async fn until_arrived(subscriber: &mut Subscriber, event_id: &str) {
    let give_up_at = Instant::now() + PATIENCE;
    while !subscriber.events.contains_key(event_id) {
        assert!(Instant::now() < give_up_at, "it was not swept");
        subscriber.receive().await.unwrap();
    }
}
