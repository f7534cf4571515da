//! Sweeps that are cut short, of one process: each begins where the last one stopped.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use outbox::{
    RowKey,
    handlers::{CutShort, SweepReport, Sweeper},
};
use outbox_testing::{Call, Fault, InMemoryAws, Operation};
use tokio::time::{Instant, sleep};

use crate::memory::{Rows, in_memory, refuse, reject, transient};

const GRACE: SignedDuration = SignedDuration::from_mins(15);

type InMemorySweeper = Sweeper<InMemoryAws, InMemoryAws, InMemoryAws>;

/// Returns services with so many old rows of each aggregate. A page of ten rows takes a second.
///
/// The aggregates of tests are all in one segment: the remainder of the sum of their bytes by
/// eight decides.
fn slow_table(aggregates: &[(&str, u64)]) -> InMemoryAws {
    let aws = in_memory();
    for (aggregate, rows) in aggregates {
        append(&aws, aggregate, 1..=*rows);
    }
    aws.clock().advance(SignedDuration::from_hours(1));
    aws.with(|services| services.table.set_page_size(10));
    aws.set_latency(Operation::Scan, Duration::from_secs(1));
    aws
}

fn append(aws: &InMemoryAws, aggregate: &str, sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        aws.insert(aggregate, sequence);
    }
}

fn sweeper(aws: &InMemoryAws) -> InMemorySweeper {
    Sweeper::new(aws.relay(), GRACE)
}

async fn sweep(sweeper: &InMemorySweeper, time: Duration) -> SweepReport {
    sweeper.sweep(Instant::now() + time).await
}

/// Sweeps so often, five minutes apart. Each sweep has time to read so many pages.
async fn sweeps(sweeper: &InMemorySweeper, times: u32, pages: u64) {
    // The end is in the middle of a page.
    let reading = Duration::from_secs(pages) + Duration::from_millis(500);
    for _ in 0..times {
        sweep(sweeper, reading * 100 / 65).await;
        sleep(Duration::from_mins(5)).await;
    }
}

fn position_of(aws: &InMemoryAws, name: &str) -> Option<usize> {
    let mut published = aws.published_rows().into_iter();
    published.position(|published| published == name)
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_do_not_hide_the_rows_behind_them() {
    let failing: Vec<String> = (0..200).map(|index| format!("{index:03}")).collect();
    let mut aggregates: Vec<(&str, u64)> = failing.iter().map(|id| (id.as_str(), 1)).collect();
    // In the segment of a quarter of the others, behind them.
    aggregates.push(("z", 1));
    let aws = slow_table(&aggregates);
    aws.set_fault_plan(reject(|key| (key.aggregate_id != "z").then(transient)));
    // A sweep reads one page of that segment, and then retries its rows to the end.
    sweeps(&sweeper(&aws), 40, 1).await;
    assert_eq!(aws.published_rows(), ["z/1"]);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_larger_than_a_sweep_does_not_hide_others() {
    for is_failing in [true, false] {
        let aws = slow_table(&[("a", 500), ("i", 1)]);
        if is_failing {
            aws.set_fault_plan(refuse("a/1", transient()));
        }
        let sweeper = sweeper(&aws);
        sweeps(&sweeper, 10, 12).await;
        assert!(position_of(&aws, "i/1").is_some(), "{is_failing}");
        aws.end_faults();
        sweeps(&sweeper, 40, 12).await;
        assert!(aws.pending_rows().is_empty(), "{is_failing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_never_begins_inside_an_aggregate() {
    let aws = slow_table(&[("a", 5), ("i", 100)]);
    let sweeper = sweeper(&aws);
    // Until one ends inside the aggregate.
    aws.set_fault_plan(reject(|key| (key.aggregate_id == "i").then(transient)));
    sweeps(&sweeper, 9, 12).await;
    assert_eq!(aws.pending_rows().len(), 100, "a is published, i is not");
    aws.end_faults();
    sweeps(&sweeper, 9, 12).await;
    let expected = (1..=5).map(|sequence| format!("a/{sequence}"));
    let expected = expected.chain((1..=100).map(|sequence| format!("i/{sequence}")));
    assert_eq!(aws.published_rows(), expected.collect::<Vec<_>>());
}

/// A row may be appended behind the last one that a sweep read of its aggregate. By the next
/// sweep it may be old, for example because the process was frozen.
#[tokio::test(start_paused = true)]
async fn a_row_appended_since_does_not_overtake_a_failed_one() {
    // One of these numbers of sweeps ends right behind the first aggregate.
    for times in 1..8 {
        let aws = slow_table(&[("a", 3), ("i", 300)]);
        let sweeper = sweeper(&aws);
        aws.set_fault_plan(reject(|_| Some(transient())));
        sweeps(&sweeper, times, 12).await;
        aws.end_faults();
        append(&aws, "a", [4]);
        aws.clock().advance(SignedDuration::from_hours(1));
        sweeps(&sweeper, 9, 12).await;
        let published = aws.published_rows().into_iter();
        let of_a: Vec<String> = published.filter(|name| name.starts_with("a/")).collect();
        assert_eq!(of_a, ["a/1", "a/2", "a/3", "a/4"], "{times} sweeps");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_goes_round_and_counts_each_row_once() {
    let aws = slow_table(&[("a", 20), ("i", 20), ("q", 20), ("b", 20)]);
    // A grace period for which all rows are young.
    let sweeper = Sweeper::new(aws.relay(), SignedDuration::from_hours(24));
    let mut began_elsewhere = 0;
    for seconds in 5..25 {
        let swept = sweep(&sweeper, Duration::from_secs(seconds)).await;
        began_elsewhere += usize::from(swept.cut_short == Some(CutShort::OutOfTime));
        let swept = sweep(&sweeper, Duration::from_mins(5)).await;
        assert_eq!((swept.pending, swept.cut_short), (80, None), "{seconds} s");
    }
    assert!(began_elsewhere > 10);
}

/// Whatever fails and wherever sweeps end: the events of an aggregate arrive in order, and all
/// arrive in the end.
#[tokio::test(start_paused = true)]
async fn any_series_of_short_sweeps_keeps_order_and_reaches_the_end() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let ids = ["a", "b", "i", "q", "y", "ai"];
        let mut last = ids.map(|id| (id, random.u64(1..60)));
        let aws = slow_table(&last);
        let mut faults = random.fork();
        // Whole requests fail: in a request, the bus accepts rows behind one that it rejects.
        aws.set_fault_plan(move |call: &Call<'_>| {
            let fails = call.operation == Operation::PutEvents && faults.u8(..4) > 0;
            fails.then(Fault::throttled)
        });
        let sweeper = sweeper(&aws);
        for _ in 0..15 {
            sweep(&sweeper, Duration::from_secs(random.u64(2..20))).await;
            let (id, last) = &mut last[random.usize(..ids.len())];
            *last += 1;
            append(&aws, id, [*last]);
            aws.clock().advance(GRACE);
        }
        aws.end_faults();
        sweep(&sweeper, Duration::from_hours(1)).await;
        sweep(&sweeper, Duration::from_hours(1)).await;
        assert!(aws.pending_rows().is_empty(), "seed {seed}");
        assert_in_order(&aws, seed);
    }
}

fn assert_in_order(aws: &InMemoryAws, seed: u64) {
    let mut last: BTreeMap<String, RowKey> = BTreeMap::new();
    for accepted in aws.with(|services| services.bus.accepted.clone()) {
        let key = accepted.row.key.clone();
        let before = last.insert(key.aggregate_id.clone(), key.clone());
        assert!(
            before.as_ref().is_none_or(|before| *before < key),
            "seed {seed}: {key} behind {before:?}"
        );
    }
}
