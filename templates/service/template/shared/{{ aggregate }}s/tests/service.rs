//! The commands and the consumer, on an AWS in memory.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use outbox::inbox::Handled;
use outbox_testing::InMemoryAws;
use serde_json::json;
use {{ aggregate }}s::{CONSUMER, COUNTS, EventCounter, SOURCE, {{ aggregate | capitalize }}Error, {{ aggregate | capitalize }}s, counts_key};

const ACCOUNT: &str = "123456789012";

fn {{ aggregate }}s(aws: &InMemoryAws) -> {{ aggregate | capitalize }}s {
    {{ aggregate | capitalize }}s::with(
        aws.aggregate_table("{{ aggregate }}s", "pk"),
        aws.outbox(SOURCE).unwrap(),
    )
}

#[tokio::test]
async fn each_change_appends_its_event() {
    let aws = InMemoryAws::new();
    let {{ aggregate }}s = {{ aggregate }}s(&aws);
    {{ aggregate }}s
        .create("1".into(), "The first".into())
        .await
        .unwrap();
    {{ aggregate }}s.complete("1").await.unwrap();
    let unchanged = {{ aggregate }}s.complete("1").await.unwrap();
    assert!(unchanged.is_completed);

    let appended = aws.appended();
    let types: Vec<&str> = appended
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(types, ["{{ created }}", "{{ completed }}"]);
    assert_eq!(appended[0].subject.as_deref(), Some("{{ aggregate }}#1"));
}

#[tokio::test]
async fn what_cannot_be_changed_appends_nothing() {
    let aws = InMemoryAws::new();
    let {{ aggregate }}s = {{ aggregate }}s(&aws);
    let unknown = {{ aggregate }}s.complete("2").await.unwrap_err();
    assert!(matches!(unknown, {{ aggregate | capitalize }}Error::Unknown(_)), "{unknown}");
    for (id, title) in [("", "No id"), ("1", " ")] {
        let invalid = {{ aggregate }}s.create(id.into(), title.into()).await.unwrap_err();
        assert!(matches!(invalid, {{ aggregate | capitalize }}Error::Invalid(_)), "{invalid}");
    }
    {{ aggregate }}s
        .create("1".into(), "The first".into())
        .await
        .unwrap();
    let again = {{ aggregate }}s
        .create("1".into(), "The first".into())
        .await
        .unwrap_err();
    assert!(matches!(again, {{ aggregate | capitalize }}Error::Commit(_)), "{again}");
    assert_eq!(aws.appended().len(), 1);
}

/// Every event arrives at least once, and in any order.
#[tokio::test(start_paused = true)]
async fn each_event_is_counted_once() {
    let aws = InMemoryAws::new();
    let {{ aggregate }}s = {{ aggregate }}s(&aws);
    {{ aggregate }}s
        .create("1".into(), "The first".into())
        .await
        .unwrap();
    {{ aggregate }}s
        .create("2".into(), "The second".into())
        .await
        .unwrap();
    {{ aggregate }}s.complete("1").await.unwrap();
    aws.with_relay(aws.wait_until_published()).await;

    let inbox = aws.inbox("counts", counts_key(), CONSUMER).unwrap();
    let counter = EventCounter::new(inbox, "counts", ACCOUNT);
    let mut handled_now = 0;
    for event in aws.deliveries().twice_each().shuffled(7) {
        let message = json!({
            "account": ACCOUNT,
            "source": SOURCE,
            "detail-type": event.event_type,
            "detail": event,
        });
        let handled = counter.handle(&message.to_string()).await.unwrap();
        handled_now += usize::from(handled == Handled::Now);
    }
    assert_eq!(handled_now, 3);
    let counts = aws.item("counts", &[COUNTS]).unwrap();
    let count = |event: &str| counts[event].as_n().unwrap().as_str();
    assert_eq!((count("{{ created }}"), count("{{ completed }}")), ("2", "1"));
}

#[tokio::test]
async fn a_message_of_another_account_is_rejected() {
    let aws = InMemoryAws::new();
    let inbox = aws.inbox("counts", counts_key(), CONSUMER).unwrap();
    let counter = EventCounter::new(inbox, "counts", ACCOUNT);
    let message = json!({
        "account": "210987654321", "source": SOURCE, "detail-type": "{{ created }}", "detail": {},
    });
    assert!(counter.handle(&message.to_string()).await.is_err());
    assert_eq!(aws.item("counts", &[COUNTS]), None::<HashMap<_, _>>);
}
