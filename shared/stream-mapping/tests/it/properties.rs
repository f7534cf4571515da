//! Properties that hold for any function.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;
use stream_mapping::{Action, Filter, Lane, Outcome, Record, Settings, StartingPosition};

use super::drive::{failure_from, invocation, numbers, record_of, shard, start, success};

/// A random generator with a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // A linear congruential generator, whose upper bits are random enough.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Returns the item of a record. The filter drops every seventh record.
fn item_of(number: u64, items: u64) -> String {
    if number.is_multiple_of(7) {
        "filtered".to_owned()
    } else {
        format!("item {}", number % items)
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        1_usize..20,
        0_i64..3,
        1_usize..=10,
        proptest::option::of(0_u32..4),
        any::<[bool; 4]>(),
    )
        .prop_map(
            |(batch_size, window, parallelization_factor, retries, switches)| Settings {
                batch_size,
                maximum_batching_window: SignedDuration::from_secs(window),
                parallelization_factor,
                maximum_retry_attempts: retries,
                maximum_record_age: switches[0].then(|| SignedDuration::from_mins(1)),
                bisect_batch_on_function_error: switches[1],
                report_batch_item_failures: switches[2],
                has_on_failure_destination: switches[3],
                filter: Filter::from_patterns([
                    r#"{"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "item"}]}}}}"#,
                ])
                .unwrap(),
                ..Settings::new(StartingPosition::TrimHorizon)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Each record ends in exactly one state: done, filtered out, sent to the destination,
    /// or dropped. An item's records are sent in order. The checkpoint never passes a
    /// record that has not ended.
    #[test]
    fn no_record_is_skipped_or_out_of_order(
        settings in settings(), count in 1_u64..80, items in 1_u64..10, seed in any::<u64>(),
    ) {
        let chance = &mut Chance(seed);
        let has_destination = settings.has_on_failure_destination;
        let reports = settings.report_batch_item_failures;
        let mut shard = shard(settings);
        let mut to_read: Vec<Record> = (1..=count).rev()
            .map(|number| record_of(&item_of(number, items), number)).collect();
        let mut now = start();
        let mut under_way: Vec<(Lane, Vec<u64>)> = Vec::new();
        let mut done: BTreeSet<u64> = BTreeSet::new();
        let mut sent = 0;
        loop {
            if chance.below(3) == 0 {
                let some = usize::try_from(chance.below(30)).unwrap();
                let rest = to_read.len().saturating_sub(some);
                shard.push(to_read.split_off(rest).into_iter().rev().collect(), now);
            }
            match shard.next(now) {
                Action::Invoke(lane, batch) => {
                    let batch = numbers(batch);
                    for number in &batch {
                        prop_assert!(!number.is_multiple_of(7), "filtered records are not invoked");
                        prop_assert!(!done.contains(number), "what is done is not tried again");
                    }
                    under_way.push((lane, batch));
                }
                Action::SendOnFailure(lane, failure) => {
                    prop_assert!(has_destination);
                    let info = &failure.message()["DDBStreamBatchInfo"];
                    sent += info["batchSize"].as_u64().unwrap();
                    shard.on_failure_sent(lane);
                }
                Action::WaitUntil(time) if under_way.is_empty() => now = time,
                Action::WaitUntil(_) | Action::Idle => {
                    if under_way.is_empty() {
                        if to_read.is_empty() { break }
                        continue;
                    }
                    let index = usize::try_from(chance.below(under_way.len() as u64)).unwrap();
                    let (lane, batch) = under_way.swap_remove(index);
                    let place = usize::try_from(chance.below(batch.len() as u64)).unwrap();
                    let outcome = match chance.below(5) {
                        0 => Outcome::FunctionError,
                        1 if reports => {
                            done.extend(&batch[..place]);
                            failure_from(batch[place])
                        }
                        2 => Outcome::NotReached,
                        _ => { done.extend(&batch); success() }
                    };
                    shard.completed(lane, &outcome, &invocation(), now);
                }
            }
            let checkpoint: u64 = shard.checkpoint().map_or(0, |n| n.as_str().parse().unwrap());
            for number in under_way.iter().flat_map(|(_, batch)| batch) {
                prop_assert!(*number > checkpoint, "the checkpoint passed a record in flight");
            }
            let metrics = shard.metrics();
            let ended = done.len() as u64 + metrics.filtered_out_event_count
                + metrics.on_failure_destination_delivered_event_count
                + metrics.dropped_event_count;
            prop_assert_eq!(metrics.polled_event_count, ended + shard.backlog() as u64);
        }
        prop_assert_eq!(shard.backlog(), 0);
        prop_assert_eq!(shard.checkpoint().unwrap().as_str(), count.to_string());
        let metrics = shard.metrics();
        prop_assert_eq!(metrics.filtered_out_event_count, count / 7);
        prop_assert_eq!(metrics.on_failure_destination_delivered_event_count, sent);
    }

    /// A record is sent only if all earlier records of its item have ended or are
    /// before it in the batch.
    #[test]
    fn an_item_s_records_stay_in_order(
        settings in settings(), count in 1_u64..60, items in 1_u64..6, seed in any::<u64>(),
    ) {
        let chance = &mut Chance(seed);
        let mut shard = shard(settings);
        shard.push((1..=count).map(|n| record_of(&item_of(n, items), n)).collect(), start());
        let mut now = start();
        let mut under_way: Vec<(Lane, Vec<u64>)> = Vec::new();
        let mut latest: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            match shard.next(now) {
                Action::Invoke(lane, batch) => {
                    let batch = numbers(batch);
                    prop_assert!(batch.is_sorted());
                    for (_, other) in &under_way {
                        for (a, b) in other.iter().flat_map(|a| batch.iter().map(move |b| (a, b))) {
                            prop_assert_ne!(item_of(*a, items), item_of(*b, items));
                        }
                    }
                    under_way.push((lane, batch));
                }
                Action::SendOnFailure(lane, _) => shard.on_failure_sent(lane),
                Action::WaitUntil(time) if under_way.is_empty() => now = time,
                Action::Idle if under_way.is_empty() => break,
                Action::WaitUntil(_) | Action::Idle => {
                    let index = usize::try_from(chance.below(under_way.len() as u64)).unwrap();
                    let (lane, batch) = under_way.swap_remove(index);
                    let fails = chance.below(3) == 0;
                    let outcome = if fails { Outcome::FunctionError } else { success() };
                    for number in batch.iter().filter(|_| !fails) {
                        let last = latest.entry(item_of(*number, items)).or_default();
                        prop_assert!(number > last, "an item's record overtook another");
                        *last = *number;
                    }
                    shard.completed(lane, &outcome, &invocation(), now);
                }
            }
        }
    }
}
