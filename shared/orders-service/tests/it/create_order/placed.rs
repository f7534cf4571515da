//! A valid order is placed; an invalid one is rejected with every reason.

use serde_json::{Value, json};

use crate::fixture::*;

#[tokio::test]
async fn the_sample_payload_places_an_order() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../../samples/create-order.json");
    let request = lambda_http::request::from_str(sample).unwrap();
    let answer = fixture.post(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn a_valid_order_is_saved_with_its_event() {
    let fixture = Fixture::start().await;
    let answer = fixture
        .post(by_caller(post(&order()), "AROA:session"))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/orders/{id}"));
    assert_eq!(
        answer.body["total"],
        json!({"amount": 3900, "currency": "EUR"})
    );
    assert_eq!(answer.body["status"], "placed");
    assert_eq!(answer.header("etag"), "\"1\"");

    let saved = fixture.items("order#").await;
    assert_eq!(saved[0]["pk"], format!("order#{id}"));
    assert_eq!(
        (&saved[0]["version"], &saved[0]["lastSequence"]),
        (&json!(1), &json!(1))
    );

    let events = fixture.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source, "orders");
    let event: Value = serde_json::from_str(&events[0].detail).unwrap();
    assert_eq!(event["type"], "OrderCreated");
    assert_eq!(event["subject"], format!("order#{id}"));
    assert_eq!(event["correlationid"], "request-1");
    assert_eq!(event["data"]["orderId"], id);
}

#[tokio::test]
async fn every_invalid_field_is_named() {
    let fixture = Fixture::start().await;
    let answer = fixture
        .post(post(&json!({
            "customerId": "",
            "currency": "EUR",
            "items": [{"productId": "teapot", "quantity": 0, "unitPrice": -1}],
        })))
        .await;
    answer.assert_problem(422, "invalid-order");
    let violations = answer.body["violations"].as_array().unwrap();
    let fields: Vec<_> = violations
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["customerId", "items[0].quantity", "items[0].unitPrice"]
    );
    assert!(fixture.items("").await.is_empty() && fixture.events().await.is_empty());
}

#[tokio::test]
async fn json_that_is_not_an_order_names_the_field() {
    let fixture = Fixture::start().await;
    for (pointer, value, field) in [
        ("/customerId", json!(7), "customerId"),
        ("/items/0/quantity", json!("two"), "items[0].quantity"),
        ("/items/0/quantity", json!(1.5), "items[0].quantity"),
        ("/items", json!({}), "items"),
    ] {
        let mut order = order();
        *order.pointer_mut(pointer).unwrap() = value;
        let answer = fixture.post(post(&order)).await;
        answer.assert_problem(422, "invalid-order");
        assert_eq!(answer.body["violations"][0]["field"], field);
    }
    let mut unknown = order();
    unknown["discount"] = json!(1);
    fixture
        .post(post(&unknown))
        .await
        .assert_problem(422, "invalid-order");
}
