//! Events and settings that an inbox rejects.

use jiff::{SignedDuration, Timestamp};
use outbox::{
    CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Handled, Inbox, InvalidInbox, OnceError},
};

use super::fixture::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn an_event_whose_record_may_have_expired_is_too_old() {
    let fixture = Fixture::start().await;
    let week = inbox(&fixture.client, "week")
        .with_retention(DAY * 7)
        .unwrap();
    for (inbox, days) in [(&fixture.inbox, 29), (&week, 6)] {
        let last: Timestamp = now() - DAY * days;
        let event = event_of("orders", "just", last);
        let handled = inbox.once(&event, ConsumerWrites::new()).await.unwrap();
        assert_eq!(handled, Handled::Now);

        let time = last - SignedDuration::from_millis(1);
        let event = event_of("orders", "too old", time);
        let error = inbox.once(&event, put("a")).await.unwrap_err();
        assert!(matches!(error, OnceError::TooOld { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("event too old from orders (2026-"), "{said}");
        let unknown = format!("older than {days} days, so it is unknown whether");
        assert!(said.contains(&unknown), "{said}");
    }
    assert_eq!(fixture.keys().await.len(), 2);
}

/// Handles an event. Returns when its record expires.
async fn forgotten_at(fixture: &Fixture, event: &CloudEvent) -> i64 {
    let handled = fixture.inbox.once(event, ConsumerWrites::new()).await;
    assert_eq!(handled.unwrap(), Handled::Now);
    fixture.items().await[0]["expiresAt"].as_i64().unwrap()
}

#[tokio::test]
async fn an_event_of_a_clock_ahead_is_remembered_until_it_is_too_old() {
    let fixture = Fixture::start().await;
    let event = event_of("orders", "1", now() + DAY);
    let forgotten_at = forgotten_at(&fixture, &event).await;
    let refused_from = (event.time + DAY * 29).as_second();
    assert_eq!(forgotten_at - refused_from, DAY.as_secs());
}

#[tokio::test]
async fn a_late_event_is_remembered_for_30_days_from_now() {
    let fixture = Fixture::start().await;
    let event = event_of("orders", "1", now() - DAY * 29);
    let forgotten_at = forgotten_at(&fixture, &event).await;
    assert_eq!(forgotten_at, (now() + DAY * 30).as_second());
}

#[tokio::test]
async fn an_event_without_id_or_source_is_rejected() {
    let fixture = Fixture::start().await;
    for (event, attribute) in [(event("", "1"), "source"), (event("orders", ""), "id")] {
        let error = fixture.inbox.once(&event, put("a")).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("empty {attribute}")), "{said}");
    }
    assert!(fixture.items().await.is_empty());
}

#[tokio::test]
async fn an_event_whose_name_does_not_fit_a_key_is_rejected() {
    let fixture = Fixture::start().await;
    let sorted = KeySchema::partition_key("pk").sort_key("sk");
    let sorted = Inbox::new(fixture.client.clone(), "table", sorted, "consumer").unwrap();
    let sorted = sorted.with_clock(At(now()));
    let prefix = "inbox#consumer#orders#".len();
    for (inbox, most) in [(&fixture.inbox, 2048), (&sorted, 1024)] {
        let event = event("orders", &"x".repeat(most - prefix + 1));
        let error = inbox.once(&event, put("a")).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(&format!("{} bytes, but at most {most} are", most + 1)),
            "{said}"
        );
    }
    let fits = event("orders", &"x".repeat(2048 - prefix));
    assert_eq!(
        fixture.inbox.once(&fits, put("a")).await.unwrap(),
        Handled::Now
    );
}

#[tokio::test]
async fn an_invalid_name_or_retention_is_an_error() {
    let client = dynamodb_in_process::client(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    let inbox = |consumer: &str| Inbox::new(client.clone(), "table", key(), consumer);
    for consumer in ["", "a#b", &"x".repeat(129)] {
        let error = inbox(consumer).err().unwrap();
        let name = consumer.to_owned();
        assert_eq!(error, InvalidInbox::Consumer { name });
    }
    let retention = SignedDuration::from_hours(47);
    let error = inbox("a").unwrap().with_retention(retention).err().unwrap();
    assert_eq!(error, InvalidInbox::Retention { retention });
    assert!(error.to_string().contains("not 47 hours"), "{error}");
    assert!(inbox("a").unwrap().with_retention(DAY * 2).is_ok());
}
