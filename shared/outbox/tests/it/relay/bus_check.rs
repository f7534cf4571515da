//! The relay asks whether the bus exists: a bus that doesn't accepts events, and they are lost.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    ports::CallError,
    relay::{BusError, Failure, Halt},
};
use outbox_testing::{InMemoryAws, InMemoryRelay, Operation};

use super::publish::{failures, in_a_minute, insert};
use crate::memory::{Rows, in_memory, transient_call};

fn asked(aws: &InMemoryAws) -> usize {
    aws.calls(Operation::DescribeEventBus).len()
}

/// Publishes a new event. Returns the failure, if it wasn't published.
async fn publish_one(aws: &InMemoryAws, relay: &InMemoryRelay, sequence: u64) -> Option<Failure> {
    let candidates = insert(aws, &[("a", sequence)]);
    let outcome = relay.publish(candidates, in_a_minute()).await;
    failures(&outcome).pop().map(|(_, failure)| failure)
}

#[tokio::test(start_paused = true)]
async fn the_bus_is_confirmed_once_a_minute() {
    let aws = in_memory();
    let relay = aws.relay();
    for (wait, asked) in [(0, 1), (59, 1), (2, 2)] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        relay
            .publish(insert(&aws, &[("a", wait)]), in_a_minute())
            .await;
        assert_eq!(aws.calls(Operation::DescribeEventBus).len(), asked);
    }
}

/// Lambda freezes a process between its invocations, and its monotonic clock may stand still.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_frozen_asks_again() {
    let aws = in_memory();
    let relay = aws.relay();
    assert_eq!(publish_one(&aws, &relay, 1).await, None);

    aws.delete_bus();
    aws.clock().advance(SignedDuration::from_hours(5));
    let failure = publish_one(&aws, &relay, 2).await;
    assert_eq!(failure, Some(Failure::Halted(Halt::Bus(BusError::Missing))));
    assert_eq!(aws.pending_rows(), ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_cannot_be_asked_for_is_trusted_for_ten_minutes() {
    for error in [
        transient_call(),
        CallError::Configuration("AccessDenied".into()),
    ] {
        let aws = in_memory();
        let relay = aws.relay();
        assert_eq!(publish_one(&aws, &relay, 1).await, None);
        aws.always_fail_with(Operation::DescribeEventBus, error.clone());
        for minute in 2..=9 {
            tokio::time::advance(Duration::from_mins(1)).await;
            assert_eq!(publish_one(&aws, &relay, minute).await, None, "{minute}");
        }
        tokio::time::advance(Duration::from_mins(2)).await;
        let failure = publish_one(&aws, &relay, 10).await;
        assert_eq!(
            failure,
            Some(Failure::Halted(Halt::Bus(BusError::Call(error))))
        );
        assert_eq!(aws.pending_rows(), ["a/10"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_does_not_trust_an_old_answer() {
    let aws = in_memory();
    let relay = aws.relay();
    assert_eq!(publish_one(&aws, &relay, 1).await, None);
    aws.always_fail_with(Operation::DescribeEventBus, transient_call());
    aws.clock().advance(SignedDuration::from_mins(10));
    let failure = publish_one(&aws, &relay, 2).await;
    assert!(
        matches!(failure, Some(Failure::Halted(Halt::Bus(_)))),
        "{failure:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_bus_is_not_trusted_whatever_was_known() {
    let aws = in_memory();
    let relay = aws.relay();
    assert_eq!(publish_one(&aws, &relay, 1).await, None);
    aws.delete_bus();
    tokio::time::advance(Duration::from_mins(2)).await;
    let failure = publish_one(&aws, &relay, 2).await;
    assert_eq!(failure, Some(Failure::Halted(Halt::Bus(BusError::Missing))));

    aws.always_fail_with(Operation::DescribeEventBus, transient_call());
    let failure = publish_one(&aws, &relay, 3).await;
    assert!(
        matches!(failure, Some(Failure::Halted(Halt::Bus(_)))),
        "{failure:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn puts_in_flight_ask_once() {
    let aws = in_memory();
    let relay = aws.relay();
    assert_eq!(publish_one(&aws, &relay, 1).await, None);
    // Unanswered, so that each put would have a reason to ask.
    aws.always_fail_with(Operation::DescribeEventBus, transient_call());
    tokio::time::advance(Duration::from_mins(1)).await;
    let candidates = (0..1_000).map(|index| aws.insert(&format!("b{index}"), 1));
    let outcome = relay.publish(candidates.collect(), in_a_minute()).await;
    assert_eq!(failures(&outcome), []);
    assert_eq!(asked(&aws), 2);
}
