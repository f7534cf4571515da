//! Whatever the order of deliveries, events are handled in sequence, once each.

use std::collections::{BTreeMap, VecDeque};

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use futures::future::join_all;
use outbox::{
    CloudEvent,
    inbox::{ConsumerWrites, Handled, Inbox, OnceError},
};
use outbox_testing::InMemoryAws;
use proptest::{collection::vec, prelude::*};
use tokio::runtime::{Builder, Runtime};

use super::fixture::*;

/// The sequences of each aggregate that were handled, as they were handled.
type History = BTreeMap<String, Vec<u64>>;

/// Returns the writes of a consumer that counts events.
fn count() -> ConsumerWrites {
    let add = Update::builder()
        .table_name("handled")
        .key("pk", AttributeValue::S("count".to_owned()))
        .update_expression("ADD #count :one")
        .expression_attribute_names("#count", "count")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .build();
    ConsumerWrites::new().update(add.unwrap())
}

/// Delivers messages like a queue, some at once. What fails is delivered once more, behind the
/// others.
async fn deliver(inbox: &Inbox, messages: Vec<CloudEvent>, at_once: usize) -> History {
    let mut queue = VecDeque::from(messages);
    let mut history = History::new();
    // Each round over the queue handles at least one event, or recognises it.
    let mut attempts_left = queue.len() * queue.len();
    while !queue.is_empty() {
        let batch: Vec<CloudEvent> = queue.drain(..at_once.min(queue.len())).collect();
        let results = join_all(batch.iter().map(|event| inbox.once(event, count()))).await;
        for (event, result) in batch.into_iter().zip(results) {
            attempts_left = attempts_left.checked_sub(1).expect("no progress");
            match result {
                Ok(Handled::Now) => {
                    let subject = event.subject.clone().unwrap();
                    history
                        .entry(subject)
                        .or_default()
                        .push(event.sequence.unwrap());
                }
                Ok(Handled::Before) => {}
                Err(OnceError::Gap { .. } | OnceError::Commit(_)) => queue.push_back(event),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    history
}

/// Returns how many events the consumer has counted.
fn counted(aws: &InMemoryAws) -> usize {
    let item = aws.item("handled", &["count"]);
    item.map_or(0, |item| item["count"].as_n().unwrap().parse().unwrap())
}

fn paused() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap()
}

/// The events of up to three aggregates, each delivered one to three times, shuffled.
fn deliveries() -> impl Strategy<Value = (Vec<usize>, Vec<CloudEvent>)> {
    let aggregates = vec(vec(1..=3_usize, 0..6), 1..=3);
    aggregates.prop_flat_map(|aggregates| {
        let mut messages = Vec::new();
        for (aggregate, times) in aggregates.iter().enumerate() {
            for (sequence, times) in (1..).zip(times) {
                let event = nth(&format!("order#{aggregate}"), sequence);
                messages.extend(std::iter::repeat_n(event, *times));
            }
        }
        let lengths: Vec<usize> = aggregates.iter().map(Vec::len).collect();
        (Just(lengths), Just(messages).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_event_is_handled_once_and_in_sequence(
        (lengths, messages) in deliveries(),
        at_once in 1..=4_usize,
    ) {
        let (history, counted) = paused().block_on(async {
            let aws = InMemoryAws::starting_at(now());
            let inbox = aws.inbox("handled", key(), "consumer").unwrap().in_order();
            let history = deliver(&inbox, messages, at_once).await;
            (history, counted(&aws))
        });
        let mut total = 0;
        for (aggregate, length) in lengths.into_iter().enumerate() {
            let mut sequences = history
                .get(&format!("order#{aggregate}"))
                .cloned()
                .unwrap_or_default();
            if at_once > 1 {
                // Of one batch, the results say which were handled, not in which order.
                sequences.sort_unstable();
            }
            let expected: Vec<u64> = (1..).take(length).collect();
            prop_assert_eq!(sequences, expected);
            total += length;
        }
        prop_assert_eq!(counted, total);
    }
}
