//! Duplicates, concurrent deliveries, and the record of an event.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Update};
use futures::future::join_all;
use jiff::SignedDuration;
use outbox::{
    AggregateWrite, CloudEvent, CommitError, KeySchema, Outbox, OutboxRow, Participant,
    inbox::{ConsumerWrites, Handled, Inbox, OnceError},
};
use serde_json::{Value, json};

use super::fixture::*;
use crate::append::renamed;

#[tokio::test]
async fn the_consumers_writes_and_the_record_are_written_together() {
    let fixture = Fixture::start().await;
    let event = event("orders", "1");
    let handled = fixture.inbox.once(&event, put("a")).await.unwrap();
    assert_eq!(handled, Handled::Now);
    let mut items = fixture.items().await;
    items.sort_by_key(|item| item["pk"].to_string());
    let expires_at = now().as_second() + 30 * 24 * 60 * 60;
    assert_eq!(
        items,
        [
            json!({"pk": "a"}),
            json!({
                "pk": "inbox#consumer#orders#1",
                "consumer": "consumer",
                "source": "orders",
                "eventId": "1",
                "eventType": "Happened",
                "eventTime": now().as_millisecond(),
                "handledAt": now().as_millisecond(),
                "expiresAt": expires_at,
            })
        ]
    );
}

#[tokio::test]
async fn each_kind_of_write_is_part_of_the_transaction() {
    let fixture = Fixture::start().await;
    let first = event("orders", "1");
    let created = put("deleted").put(new_put("checked"), key());
    let _ = fixture.inbox.once(&first, created).await.unwrap();

    let update = Update::builder()
        .table_name("table")
        .key("pk", AttributeValue::S("updated".into()))
        .update_expression("SET seen = :event")
        .expression_attribute_values(":event", AttributeValue::S("2".into()));
    let delete = Delete::builder()
        .table_name("table")
        .key("pk", AttributeValue::S("deleted".into()));
    let check = |pk: &str| {
        let check = ConditionCheck::builder()
            .table_name("table")
            .key("pk", AttributeValue::S(pk.into()))
            .condition_expression("attribute_exists(pk)");
        check.build().unwrap()
    };
    let writes = ConsumerWrites::new()
        .update(update.build().unwrap())
        .delete(delete.build().unwrap());
    let second = event("orders", "2");
    let fails = writes.clone().condition_check(check("missing"));
    let error = fixture.inbox.once(&second, fails).await.unwrap_err();
    let OnceError::Commit(CommitError::ConditionFailed(failed)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failed[0].participant, Participant::Action(2));
    assert_eq!(
        fixture.keys().await,
        ["checked", "deleted", "inbox#consumer#orders#1"]
    );

    let succeeds = writes.condition_check(check("checked"));
    let handled = fixture.inbox.once(&second, succeeds).await.unwrap();
    assert_eq!(handled, Handled::Now);
    assert_eq!(
        fixture.keys().await,
        [
            "checked",
            "inbox#consumer#orders#1",
            "inbox#consumer#orders#2",
            "updated"
        ]
    );
}

#[tokio::test]
async fn a_duplicate_writes_nothing() {
    let fixture = Fixture::start().await;
    let event = event("orders", "1");
    let _ = fixture.inbox.once(&event, put_new("a")).await.unwrap();
    for writes in [put("b"), put_new("a"), ConsumerWrites::new()] {
        let again = fixture.inbox.once(&event, writes).await.unwrap();
        assert_eq!(again, Handled::Before);
    }
    assert_eq!(fixture.keys().await, ["a", "inbox#consumer#orders#1"]);
}

#[tokio::test]
async fn an_event_that_changes_nothing_is_remembered() {
    let fixture = Fixture::start().await;
    let event = event("orders", "1");
    for expected in [Handled::Now, Handled::Before] {
        let handled = fixture.inbox.once(&event, ConsumerWrites::new()).await;
        assert_eq!(handled.unwrap(), expected);
    }
}

#[tokio::test]
async fn of_deliveries_at_the_same_instant_one_is_handled() {
    let fixture = Fixture::start().await;
    let event = event("orders", "1");
    let deliveries = (0..10).map(|_| fixture.inbox.once(&event, put("a")));
    let handled = join_all(deliveries).await;
    let now = handled
        .into_iter()
        .filter(|handled| *handled.as_ref().unwrap() == Handled::Now);
    assert_eq!(now.count(), 1);
}

#[tokio::test]
async fn a_failed_condition_of_the_consumer_is_not_a_duplicate() {
    let fixture = Fixture::start().await;
    let first = event("orders", "1");
    let _ = fixture.inbox.once(&first, put("a")).await.unwrap();
    let second = event("orders", "2");
    let error = fixture.inbox.once(&second, put_new("a")).await.unwrap_err();
    let OnceError::Commit(CommitError::ConditionFailed(failed)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failed[0].participant, Participant::Action(0));
    // There is no record, so another decision can still be committed.
    let handled = fixture.inbox.once(&second, put("b")).await.unwrap();
    assert_eq!(handled, Handled::Now);
}

#[tokio::test]
async fn the_action_whose_condition_failed_is_named_by_its_place() {
    let fixture = Fixture::start().await;
    let _ = fixture.inbox.once(&event("orders", "1"), put("a")).await;
    let client = &fixture.client;
    dynamodb_in_process::create_table(client, "outbox", "aggregateId", Some("position")).await;
    let outbox = Outbox::new(client.clone(), "outbox", "shipping").unwrap();
    let shipment = AggregateWrite::create("s#1", "table", key(), &json!({"pk": "s#1"}));
    let transaction = outbox
        .transaction(shipment)
        .put(new_put("b"), key())
        .put(new_put("c"), key());
    for (writes, index) in [
        (ConsumerWrites::from(transaction), 2),
        (put("b").put(new_put("c"), key()), 2),
        (put("b"), 1),
        (ConsumerWrites::new(), 0),
    ] {
        let writes = writes.put(new_put("a"), key());
        let error = fixture.inbox.once(&event("orders", "2"), writes).await;
        let Err(OnceError::Commit(CommitError::ConditionFailed(failed))) = error else {
            panic!("{error:?}")
        };
        assert_eq!(failed[0].participant, Participant::Action(index));
    }
}

#[tokio::test]
async fn events_of_one_id_are_distinguished_by_source_and_consumer() {
    let fixture = Fixture::start().await;
    let other = inbox(&fixture.client, "other");
    for event in [
        event("a", "b#c"),
        event("a#b", "c"),
        event("a%23b", "c"),
        event("a", "c"),
    ] {
        for inbox in [&fixture.inbox, &other] {
            let handled = inbox.once(&event, ConsumerWrites::new()).await.unwrap();
            assert_eq!(handled, Handled::Now, "{event:?}");
        }
    }
}

#[tokio::test]
async fn another_event_with_the_same_id_is_not_a_duplicate() {
    let fixture = Fixture::start().await;
    let first = event("orders", "1");
    let _ = fixture.inbox.once(&first, put("a")).await.unwrap();
    let mut of_another_type = first.clone();
    of_another_type.event_type = "Else".into();
    let later = event_of("orders", "1", now() + SignedDuration::from_millis(1));
    for other in [of_another_type, later] {
        let error = fixture.inbox.once(&other, put("b")).await.unwrap_err();
        assert!(matches!(error, OnceError::SameName { .. }), "{error:?}");
    }
    assert_eq!(fixture.keys().await, ["a", "inbox#consumer#orders#1"]);
}

#[tokio::test]
async fn a_table_may_have_a_sort_key() {
    let client = dynamodb_in_process::start().await;
    dynamodb_in_process::create_table(&client, "sorted", "pk", Some("sk")).await;
    let key = KeySchema::partition_key("pk").sort_key("sk");
    let inbox = Inbox::new(client, "sorted", key, "consumer").unwrap();
    let inbox = inbox.with_clock(At(now()));
    let event = event("orders", "1");
    for expected in [Handled::Now, Handled::Before] {
        let handled = inbox.once(&event, ConsumerWrites::new()).await;
        assert_eq!(handled.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_event_names_the_event_that_caused_it() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    dynamodb_in_process::create_table(client, "outbox", "aggregateId", Some("position")).await;
    let outbox = Outbox::new(client.clone(), "outbox", "shipping").unwrap();
    let cause = event("orders", "1");
    let shipment = AggregateWrite::create("s#1", "table", key(), &json!({"pk": "s#1"}));
    let transaction = outbox
        .transaction(shipment)
        .event(&renamed())
        .caused_by(&cause);
    for expected in [Handled::Now, Handled::Before] {
        let handled = fixture.inbox.once(&cause, transaction.clone()).await;
        assert_eq!(handled.unwrap(), expected);
    }

    let rows: Vec<OutboxRow> = dynamodb_in_process::items(client, "outbox").await;
    assert_eq!(rows.len(), 1);
    let effect: CloudEvent = serde_json::from_str(&rows[0].detail).unwrap();
    assert_eq!(effect.causationid.as_deref(), Some("1"));
    assert_eq!(effect.correlationid.as_deref(), Some("1"));
    assert_eq!(effect.traceparent, cause.traceparent);
    assert_eq!(
        rows[0].trace_header.as_deref(),
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    );
    // Events that the effect causes belong to the same business transaction.
    let further = outbox.transaction(AggregateWrite::create(
        "s#2",
        "table",
        key(),
        &json!({"pk": "s#2"}),
    ));
    let further = further.event(&renamed()).caused_by(&effect);
    further.commit().await.unwrap();
    let rows: Vec<OutboxRow> = dynamodb_in_process::items(client, "outbox").await;
    let row = rows.iter().find(|row| row.key.aggregate_id == "s#2");
    let further: Value = serde_json::from_str(&row.unwrap().detail).unwrap();
    assert_eq!(further["causationid"], effect.id);
    assert_eq!(further["correlationid"], "1");
}
