//! How long an event that fails for ever delays the others of its shard.

use std::{collections::HashSet, time::Duration};

use jiff::SignedDuration;
use outbox::{Clock, RowKey, ports::EntryError};
use outbox_testing::{InMemoryAws, StreamDriver};
use tokio::{
    select,
    time::{Instant, interval, sleep, timeout},
};

use crate::memory::{Rows, in_memory, poison, reject, row, transient};

/// How often Lambda invokes the relay again after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

fn own_permission() -> EntryError {
    EntryError::Configuration("NotAuthorizedForDetailTypeException".into())
}

fn is_bad(key: &RowKey) -> bool {
    key.aggregate_id.starts_with("bad")
}

/// Writes an event that is committed now.
fn commit(aws: &InMemoryAws, aggregate: &str) {
    let mut row = row(aggregate, 1);
    row.committed_at = aws.clock().now();
    aws.with(|services| services.put_row(&row));
}

/// Commits an event of another aggregate at each interval; every so many-th is bad.
async fn write(aws: &InMemoryAws, every: Duration, bad_one_in: usize) {
    let mut ticks = interval(every);
    for number in 1_usize.. {
        ticks.tick().await;
        let is_bad = number.is_multiple_of(bad_one_in);
        let kind = if is_bad { "bad" } else { "good" };
        commit(aws, &format!("{kind}{number}"));
    }
}

/// Delivers batches as Lambda does, until the time is over. Returns when the first event was
/// left to the sweeper.
async fn relay(aws: &InMemoryAws, time: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let mut driver = StreamDriver::new(aws).with_batch_size(1_000);
    let mut left = None;
    let _ = timeout(time, async {
        loop {
            let report = driver.deliver().await;
            let counts = report.map(|report| report.counts).unwrap_or_default();
            if counts.left_to_sweeper > 0 {
                left.get_or_insert(begun.elapsed());
            }
            sleep(if counts.failed > 0 {
                RETRY_INTERVAL
            } else {
                Duration::from_millis(250)
            })
            .await;
        }
    })
    .await;
    left
}

/// Returns the longest time from a commit to its acceptance; of an event that is not
/// accepted, until now.
fn longest_delay(aws: &InMemoryAws) -> SignedDuration {
    aws.with(|services| {
        let accepted = services.bus.accepted.iter();
        let accepted = accepted.map(|event| event.at.duration_since(event.row.committed_at));
        let now = services.now();
        let waiting = services.table.rows().filter(|(key, _)| !is_bad(key));
        let waiting = waiting.filter_map(|(_, row)| row.row());
        let waiting = waiting.map(|row| now.duration_since(row.committed_at));
        accepted.chain(waiting).max().unwrap_or_default()
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_for_ever_delays_others_less_than_a_minute() {
    for error in [transient(), poison(), own_permission()] {
        for every in [100, 5_000, 30_000] {
            let case = format!("{error:?}, one event per {every} ms");
            let aws = in_memory();
            let error = error.clone();
            aws.set_fault_plan(reject(move |key| is_bad(key).then(|| error.clone())));
            commit(&aws, "bad");
            let every = Duration::from_millis(every);
            let done = select! {
                () = async { sleep(Duration::from_millis(300)).await; write(&aws, every, usize::MAX).await } => None,
                left = relay(&aws, Duration::from_mins(10)) => Some(left),
            };
            let delay = longest_delay(&aws);
            println!("{case}: others late by {delay:?} at most");
            assert!(delay < SignedDuration::from_mins(1), "{case}: {delay:?}");
            let left = done.flatten();
            if aws.letters_sent() == 0 {
                assert!(left.unwrap() < Duration::from_mins(2), "{case}: {left:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_in_a_hundred_that_fails_for_ever_does_not_stop_the_rest() {
    let aws = in_memory();
    aws.set_fault_plan(reject(|key| is_bad(key).then(transient)));
    select! {
        () = write(&aws, Duration::from_millis(100), 100) => {}
        _ = relay(&aws, Duration::from_mins(10)) => {}
    }
    let delay = longest_delay(&aws);
    println!("one in a hundred fails: others late by {delay:?} at most");
    assert!(delay < SignedDuration::from_mins(1), "{delay:?}");
    let published = aws.published_rows();
    let events: HashSet<&String> = published.iter().collect();
    assert_eq!(published.len(), events.len(), "nothing twice");
}

/// While nothing is accepted, everything waits on the stream, in order.
#[tokio::test(start_paused = true)]
async fn an_outage_leaves_nothing_to_the_sweeper_and_parks_nothing() {
    for error in [transient(), poison(), own_permission()] {
        let aws = in_memory();
        let rejected = error.clone();
        aws.set_fault_plan(reject(move |_| Some(rejected.clone())));
        select! {
            () = write(&aws, Duration::from_secs(1), usize::MAX) => {}
            left = relay(&aws, Duration::from_mins(10)) => assert_eq!(left, None, "{error:?}"),
        }
        assert_eq!(aws.letters_sent(), 0, "{error:?}");

        aws.end_faults();
        let left = relay(&aws, Duration::from_mins(2)).await;
        assert_eq!(left, None, "{error:?}");
        assert_eq!(aws.pending_rows(), [""; 0], "{error:?}");
    }
}
