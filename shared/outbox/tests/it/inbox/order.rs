//! Events that are handled in sequence only.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use outbox::{
    CloudEvent, CommitError, KeySchema, Participant,
    inbox::{ConsumerWrites, Handled, Inbox, OnceError},
};
use serde_json::json;

use super::fixture::*;

/// Returns the fixture and its inbox, which requires order.
async fn in_order() -> (Fixture, Inbox) {
    let fixture = Fixture::start().await;
    let inbox = fixture.inbox.clone().in_order();
    (fixture, inbox)
}

async fn handle(inbox: &Inbox, event: &CloudEvent) -> Result<Handled, OnceError> {
    inbox.once(event, put(&event.id)).await
}

async fn handled_now(inbox: &Inbox, event: &CloudEvent) {
    assert_eq!(handle(inbox, event).await.unwrap(), Handled::Now);
}

#[tokio::test]
async fn an_event_waits_for_those_before_it() {
    let (fixture, inbox) = in_order().await;
    let [first, second, third] = [1, 2, 3].map(|sequence| nth("order#1", sequence));
    for (event, expected, text) in [
        (
            &second,
            1..=1,
            "event 2 of order#1 from orders waits for event 1, which consumer has not handled",
        ),
        (
            &third,
            1..=2,
            "event 3 of order#1 from orders waits for events 1 to 2, which consumer has not handled",
        ),
    ] {
        let error = handle(&inbox, event).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.needs_operator());
        let OnceError::Gap {
            missing,
            is_overdue,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((missing, is_overdue), (expected, false));
    }
    assert!(fixture.items().await.is_empty(), "something was written");

    handled_now(&inbox, &first).await;
    let error = handle(&inbox, &third).await.unwrap_err();
    assert!(matches!(error, OnceError::Gap { missing, .. } if missing == (2..=2)));
    handled_now(&inbox, &second).await;
    handled_now(&inbox, &third).await;
}

#[tokio::test]
async fn the_progress_is_written_with_the_event() {
    let (fixture, inbox) = in_order().await;
    for sequence in 1..=2 {
        handled_now(&inbox, &nth("order#1", sequence)).await;
    }
    handled_now(&inbox, &nth("order#2", 1)).await;
    let items = fixture.items().await;
    let progress = |subject: &str| {
        let name = format!("inbox-progress#consumer#orders#{subject}");
        items
            .iter()
            .find(|item| item["pk"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        progress("order#1"),
        json!({
            "pk": "inbox-progress#consumer#orders#order#1", "consumer": "consumer",
            "source": "orders", "subject": "order#1", "lastHandled": 2,
            "updatedAt": now().as_millisecond(),
        })
    );
    assert_eq!(progress("order#2")["lastHandled"], 1);
    assert_eq!(items.len(), 3 + 3 + 2);
}

#[tokio::test]
async fn a_redelivered_event_is_recognised_wherever_the_aggregate_is() {
    let (_fixture, inbox) = in_order().await;
    let events = [1, 2, 3].map(|sequence| nth("order#1", sequence));
    for event in &events {
        handled_now(&inbox, event).await;
        for before in &events[..usize::try_from(event.sequence.unwrap()).unwrap()] {
            assert_eq!(handle(&inbox, before).await.unwrap(), Handled::Before);
        }
    }
}

#[tokio::test]
async fn of_concurrent_deliveries_each_event_is_handled_once_and_none_is_skipped() {
    let (_fixture, inbox) = in_order().await;
    let events = [1, 2, 3, 4].map(|sequence| nth("order#1", sequence));
    let mut order = Vec::new();
    // Each round handles at least the next event.
    for _ in 0..events.len() {
        let deliveries = events.iter().chain(&events);
        let results = join_all(deliveries.map(|event| handle(&inbox, event))).await;
        let mut now = Vec::new();
        for (event, result) in events.iter().chain(&events).zip(results) {
            match result {
                Ok(Handled::Now) => now.push(event.sequence.unwrap()),
                Ok(Handled::Before) | Err(OnceError::Gap { .. }) => {}
                // Too many deliveries at once; it would be retried by the queue.
                Err(OnceError::Commit(error)) => assert!(error.is_retryable(), "{error:?}"),
                Err(error) => panic!("{error:?}"),
            }
        }
        now.sort_unstable();
        order.extend(now);
    }
    assert_eq!(order, [1, 2, 3, 4]);
}

#[tokio::test]
async fn after_the_limit_an_operator_decides() {
    let (fixture, inbox) = in_order().await;
    let hour = fixture
        .inbox
        .clone()
        .with_gap_limit(SignedDuration::from_hours(1));
    let millisecond = SignedDuration::from_millis(1);
    for (inbox, minutes) in [(&inbox, 30), (&hour, 60)] {
        let last: Timestamp = now() - SignedDuration::from_mins(minutes);
        for (time, expected) in [(last, false), (last - millisecond, true)] {
            let mut event = nth("order#1", 2);
            event.time = time;
            let error = handle(inbox, &event).await.unwrap_err();
            assert!(matches!(error, OnceError::Gap { is_overdue, .. } if is_overdue == expected));
            assert_eq!(error.needs_operator(), expected);
            let says_so = error
                .to_string()
                .ends_with("an operator decides whether to deliver them, or to skip them");
            assert_eq!(says_so, expected, "{error}");
        }
    }
    // However late: once the gap is closed, the event is handled.
    handled_now(&inbox, &nth("order#1", 1)).await;
    let mut late = nth("order#1", 2);
    late.time = now() - SignedDuration::from_hours(24);
    handled_now(&inbox, &late).await;
}

#[tokio::test]
async fn an_operator_can_skip_what_never_arrives() {
    let (_fixture, inbox) = in_order().await;
    handled_now(&inbox, &nth("order#1", 1)).await;
    let skip = |through| inbox.skip_through("orders", "order#1", through);
    for (through, expected) in [(0, false), (1, false), (3, true), (3, false), (2, false)] {
        assert_eq!(skip(through).await.unwrap(), expected, "{through}");
    }
    // A skipped event is not lost silently, and one that was handled is recognised.
    let error = handle(&inbox, &nth("order#1", 2)).await.unwrap_err();
    assert!(error.needs_operator());
    assert_eq!(
        error.to_string(),
        "event 2 of order#1 from orders is late: consumer has got to event 3, and not handled this \
         one. It was skipped by an operator, or its sequence was used twice"
    );
    let first = handle(&inbox, &nth("order#1", 1)).await;
    assert_eq!(first.unwrap(), Handled::Before);
    handled_now(&inbox, &nth("order#1", 4)).await;
    // Nothing was skipped of other aggregates.
    let other = handle(&inbox, &nth("order#2", 2)).await;
    assert!(matches!(other, Err(OnceError::Gap { .. })));
}

#[tokio::test]
async fn a_consumer_may_begin_to_require_order_later() {
    let (fixture, inbox) = in_order().await;
    for sequence in [1, 2] {
        handled_now(&fixture.inbox, &nth("order#1", sequence)).await;
    }
    assert!(inbox.skip_through("orders", "order#1", 2).await.unwrap());
    let before = handle(&inbox, &nth("order#1", 2)).await;
    assert_eq!(before.unwrap(), Handled::Before);
    handled_now(&inbox, &nth("order#1", 3)).await;
}

#[tokio::test]
async fn a_condition_of_the_consumers_own_leaves_the_progress_as_it_is() {
    let (_fixture, inbox) = in_order().await;
    handled_now(&inbox, &nth("order#1", 1)).await;
    let second = nth("order#1", 2);
    let taken = nth("order#1", 1).id;
    let error = inbox.once(&second, put_new(&taken)).await.unwrap_err();
    let OnceError::Commit(CommitError::ConditionFailed(failed)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failed[0].participant, Participant::Action(0));
    // The gap comes first: the consumer can't decide before the events before were handled.
    let error = inbox.once(&nth("order#1", 3), put_new(&taken)).await;
    assert!(matches!(error, Err(OnceError::Gap { .. })));
    handled_now(&inbox, &second).await;
}

#[tokio::test]
async fn an_event_without_its_place_is_rejected() {
    let (fixture, inbox) = in_order().await;
    let change = |change: fn(&mut CloudEvent)| {
        let mut event = nth("order#1", 1);
        change(&mut event);
        event
    };
    for (event, attribute) in [
        (change(|event| event.subject = None), "subject"),
        (
            change(|event| event.subject = Some(String::new())),
            "subject",
        ),
        (change(|event| event.sequence = None), "sequence"),
        (change(|event| event.sequence = Some(0)), "sequence"),
    ] {
        let error = handle(&inbox, &event).await.unwrap_err();
        let said = format!("the event has no {attribute}, so its place in the order is unknown");
        assert_eq!(error.to_string(), said);
    }
    assert!(fixture.items().await.is_empty());
    let without = change(|event| event.subject = None);
    handled_now(&fixture.inbox, &without).await;
}

#[tokio::test]
async fn aggregates_are_distinguished_by_source_and_consumer() {
    let (fixture, inbox) = in_order().await;
    let other = super::fixture::inbox(&fixture.client, "other").in_order();
    for inbox in [&inbox, &other] {
        for (source, subject) in [("a", "b#c"), ("a#b", "c"), ("a%23b", "c"), ("a", "c")] {
            let mut event = nth(subject, 1);
            event.source = source.to_owned();
            let handled = inbox.once(&event, ConsumerWrites::new()).await;
            assert_eq!(handled.unwrap(), Handled::Now, "{source} {subject}");
        }
    }
}

#[tokio::test]
async fn a_table_may_have_a_sort_key_and_names_that_do_not_fit_are_rejected() {
    let client = dynamodb_in_process::start().await;
    dynamodb_in_process::create_table(&client, "sorted", "pk", Some("sk")).await;
    let key = KeySchema::partition_key("pk").sort_key("sk");
    let inbox = Inbox::new(client, "sorted", key, "consumer").unwrap();
    let inbox = inbox.with_clock(At(now())).in_order();
    for sequence in [1, 2] {
        let event = nth("order#1", sequence);
        let handled = inbox.once(&event, ConsumerWrites::new()).await;
        assert_eq!(handled.unwrap(), Handled::Now);
    }
    let mut long = nth("order#2", 1);
    long.subject = Some("x".repeat(1024));
    let error = inbox.once(&long, ConsumerWrites::new()).await.unwrap_err();
    assert!(
        matches!(error, OnceError::NameTooLong { most: 1024, .. }),
        "{error:?}"
    );
}

/// As after the restore of the producer's table.
#[tokio::test]
async fn another_event_with_a_used_sequence_is_not_taken_for_a_duplicate() {
    let (_fixture, inbox) = in_order().await;
    handled_now(&inbox, &nth("order#1", 1)).await;
    let mut other = nth("order#1", 1);
    other.id = "other".to_owned();
    let error = handle(&inbox, &other).await.unwrap_err();
    assert!(
        matches!(
            error,
            OnceError::Late {
                last_handled: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.needs_operator());
}
