//! Single events: shipments, and errors.

use outbox::inbox::Handled;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::header};

use crate::fixture::*;

fn shipment(detail: &Value, status: &str, items: &Value, order_sequence: u64) -> Value {
    let order_id = detail["data"]["orderId"].as_str().unwrap();
    json!({
        "pk": format!("shipment#{order_id}"),
        "orderId": order_id,
        "status": status,
        "items": items,
        "orderSequence": order_sequence,
    })
}

#[tokio::test]
async fn a_shipment_is_started_and_then_stopped() {
    let fixture = Fixture::start().await;
    let [created, cancelled] = fixture.placed_and_cancelled(2).await;
    let items = json!([{"productId": "teapot", "quantity": 2}]);
    for (detail, expected) in [
        (&created, shipment(&created, "started", &items, 1)),
        (&cancelled, shipment(&created, "stopped", &items, 2)),
    ] {
        for handled in [Handled::Now, Handled::Before] {
            let answer = handle(&fixture.shipping, detail).await;
            assert_eq!(answer.unwrap(), handled);
            assert_eq!(
                fixture.items("shipment#").await,
                std::slice::from_ref(&expected)
            );
        }
    }
}

#[tokio::test]
async fn a_cancellation_that_arrives_first_prevents_the_shipment() {
    let fixture = Fixture::start().await;
    let [created, cancelled] = fixture.placed_and_cancelled(2).await;
    let items = json!([{"productId": "teapot", "quantity": 2}]);
    for (detail, expected) in [
        (&cancelled, shipment(&created, "stopped", &json!([]), 2)),
        (&created, shipment(&created, "stopped", &items, 2)),
    ] {
        let answer = handle(&fixture.shipping, detail).await;
        assert_eq!(answer.unwrap(), Handled::Now);
        assert_eq!(fixture.items("shipment#").await, [expected]);
    }
}

#[tokio::test]
async fn an_invalid_event_says_why() {
    let fixture = Fixture::start().await;
    let [created, _] = fixture.placed_and_cancelled(2).await;
    for (pointer, value, says) in [
        (
            "/type",
            json!("OrderPaid"),
            "a type that the consumer doesn't read: unknown variant, expected `OrderCreated` or",
        ),
        (
            "/data/items/0/quantity",
            json!("two"),
            "fit its type: data.items[0].quantity: invalid type, expected u64",
        ),
        (
            "/data",
            json!({"orderId": "1"}),
            "fit its type: data: missing field `items`",
        ),
        (
            "/sequence",
            json!("first"),
            "the event has no sequence between 1 and 100",
        ),
        (
            "/time",
            json!("2026-01-01T00:00:00Z"),
            "is older than 29 days, so it is unknown whether",
        ),
    ] {
        let mut detail = created.clone();
        *detail.pointer_mut(pointer).unwrap() = value;
        let error = handle(&fixture.shipping, &detail).await;
        let said = error.unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(fixture.items("").await, [] as [Value; 0]);
}

#[tokio::test]
async fn data_that_shipping_does_not_know_is_ignored() {
    let fixture = Fixture::start().await;
    let [mut created, _] = fixture.placed_and_cancelled(2).await;
    created["data"]["more"] = json!("than shipping wants to know");
    let handled = handle(&fixture.shipping, &created).await;
    assert_eq!(handled.unwrap(), Handled::Now);
}

/// Starts a stub of DynamoDB with prepared responses for each operation, in this order.
async fn stub(operations: &[(&str, &[(u16, Value)])]) -> MockServer {
    let stub = MockServer::start().await;
    for (operation, responses) in operations {
        for (status, body) in *responses {
            Mock::given(header(
                "x-amz-target",
                format!("DynamoDB_20120810.{operation}"),
            ))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body))
            .up_to_n_times(1)
            .mount(&stub)
            .await;
        }
    }
    stub
}

#[tokio::test]
async fn a_concurrently_modified_shipment_is_retried() {
    let fixture = Fixture::start().await;
    let [created, cancelled] = fixture.placed_and_cancelled(1).await;
    let order_id = &created["data"]["orderId"];
    let conflict = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}],
    });
    let found = json!({"Item": {
        "pk": {"S": "shipment#1"},
        "orderId": {"S": order_id},
        "status": {"S": "started"},
        "orderSequence": {"N": "1"},
        "version": {"N": "7"},
    }});
    let stub = stub(&[
        ("GetItem", &[(200, json!({})), (200, found)]),
        ("TransactWriteItems", &[(400, conflict), (200, json!({}))]),
    ])
    .await;
    let shipping = shipping(&dynamodb_in_process::client(*stub.address()));
    let handled = handle(&shipping, &cancelled).await;
    assert_eq!(handled.unwrap(), Handled::Now);

    let requests = stub.received_requests().await.unwrap();
    let puts: Vec<Value> = requests
        .iter()
        .map(|request| request.body_json::<Value>().unwrap())
        .filter_map(|body| Some(body.get("TransactItems")?[0]["Put"].clone()))
        .collect();
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[0]["ConditionExpression"], "attribute_not_exists(#key)");
    assert_eq!(puts[1]["ConditionExpression"], "#version = :version");
    let version = &puts[1]["ExpressionAttributeValues"][":version"]["N"];
    assert_eq!(version, "7");
    assert_eq!(puts[1]["Item"]["version"]["N"], "8");
}

#[tokio::test]
async fn errors_of_dynamodb_are_errors() {
    let fixture = Fixture::start().await;
    let [created, _] = fixture.placed_and_cancelled(1).await;
    let denied = (400, json!({"__type": "AccessDeniedException"}));
    for (read, says) in [
        (denied.clone(), "the shipment could not be read"),
        (
            (200, json!({})),
            "DynamoDB rejected the transaction, nothing was written: AccessDeniedException",
        ),
    ] {
        let stub = stub(&[
            ("GetItem", &[read]),
            ("TransactWriteItems", std::slice::from_ref(&denied)),
        ])
        .await;
        let shipping = shipping(&dynamodb_in_process::client(*stub.address()));
        let error = handle(&shipping, &created).await.unwrap_err();
        assert_eq!(error.to_string(), says);
    }
}
