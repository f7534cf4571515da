//! The relay, driven batch by batch, and its promises.

use std::{panic::AssertUnwindSafe, time::Duration};

use jiff::SignedDuration;
use outbox::{
    Clock, Parked,
    ports::{Discard, EntryError, OutboxTable, ParkedRows},
};
use outbox_testing::{Call, Fault, InMemoryAws, Operation, StreamDriver};

use crate::faults::commit;

#[tokio::test(start_paused = true)]
async fn a_batch_is_retried_from_the_record_that_failed() {
    let aws = InMemoryAws::new();
    for id in ["a", "b", "c"] {
        commit(&aws, id).await.unwrap();
    }
    aws.set_fault_plan(|call: &Call<'_>| {
        let busy = EntryError::Transient("busy".into());
        let rows = call.rows.iter().enumerate();
        let of_b = rows.filter(|(_, key)| key.aggregate_id == "b");
        let rejected = of_b.map(|(index, _)| (index, busy.clone())).collect();
        (call.operation == Operation::PutEvents).then_some(Fault::Rejected(rejected))
    });
    let mut driver = StreamDriver::new(&aws);
    let report = driver.deliver().await.unwrap();
    assert_eq!((report.counts.published, report.counts.failed), (2, 1));
    aws.end_faults();
    let report = driver.deliver().await.unwrap();
    assert_eq!((report.counts.published, report.counts.skipped), (1, 1));
    assert!(driver.deliver().await.is_none());
    let subjects = aws
        .published()
        .into_iter()
        .map(|event| event.subject.unwrap());
    assert_eq!(subjects.collect::<Vec<_>>(), ["a", "c", "b"]);
    aws.assert_promises_kept();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_redelivered_later_is_recognised() {
    let aws = InMemoryAws::new();
    commit(&aws, "a").await.unwrap();
    let mut driver = StreamDriver::new(&aws).with_batch_size(1);
    assert!(driver.redeliver().await.is_none());
    assert_eq!(driver.deliver_all().await.len(), 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let report = driver.redeliver().await.unwrap();
    assert_eq!(report.counts.skipped, 1);
    assert_eq!(aws.published().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn shards_are_read_after_their_parents() {
    let aws = InMemoryAws::new();
    commit(&aws, "a").await.unwrap();
    aws.with(|services| services.stream.split());
    commit(&aws, "b").await.unwrap();
    let mut driver = StreamDriver::new(&aws);
    assert_eq!(driver.deliver_all().await.len(), 2);
    assert!(aws.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_leaves_is_swept() {
    let aws = InMemoryAws::new();
    commit(&aws, "a").await.unwrap();
    let grace = SignedDuration::from_mins(15);
    assert_eq!(aws.sweep(grace).await.published, 0);
    aws.clock().advance(grace);
    assert_eq!(aws.sweep(grace).await.published, 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_parked_again_meanwhile_is_not_discarded() {
    let aws = InMemoryAws::new();
    commit(&aws, "a").await.unwrap();
    let key = aws.pending().remove(0);
    let mark = |reason: &str| Parked {
        reason: reason.to_owned(),
        at: aws.clock().now(),
    };
    aws.park(&key, None, &mark("TooLarge: first"))
        .await
        .unwrap();
    aws.set_latency(Operation::TransactWriteItems, Duration::from_millis(20));
    let discard = Discard::new("ada", aws.clock().now(), "sent by hand").unwrap();
    let again = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        aws.unpark(&key).await.unwrap();
        aws.park(&key, None, &mark("TooLarge: second"))
            .await
            .unwrap();
    };
    let (discarded, ()) = tokio::join!(aws.discard(&key, &discard), again);
    assert_eq!(discarded, Ok(false));
    assert_eq!(aws.parked(), [key]);
}

#[tokio::test(start_paused = true)]
async fn a_relay_publishes_while_a_test_runs() {
    let aws = InMemoryAws::new();
    aws.with_relay(async {
        commit(&aws, "a").await.unwrap();
        aws.wait_until_published().await;
        commit(&aws, "b").await.unwrap();
        aws.wait_until_published().await;
    })
    .await;
    let events: Vec<_> = aws
        .deliveries()
        .twice_each()
        .shuffled(3)
        .into_iter()
        .collect();
    assert_eq!(events.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_broken_promise_is_found() {
    let aws = InMemoryAws::new();
    commit(&aws, "a").await.unwrap();
    let key = aws.pending().remove(0);
    let mark = Parked {
        reason: "TooLarge: no".into(),
        at: aws.clock().now(),
    };
    OutboxTable::park(&aws, &key, None, &mark).await.unwrap();
    let checked = std::panic::catch_unwind(AssertUnwindSafe(|| aws.assert_promises_kept()));
    assert!(checked.is_err());
}
