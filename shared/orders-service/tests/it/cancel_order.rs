//! `POST /orders/{id}/cancel`, from request to response.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::fixture::*;

#[tokio::test]
async fn a_cancelled_order_has_its_event() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let answer = fixture.cancel(&id).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.body["status"], "cancelled");
    assert_eq!(fixture.get(get(&id)).await.body, answer.body);

    let saved = fixture.items("order#").await;
    assert_eq!(saved[0]["status"], "cancelled");
    let mut events = fixture.events().await;
    events.sort_by_key(|row| row.sequence);
    let event: Value = serde_json::from_str(&events[1].detail).unwrap();
    assert_eq!(event["type"], "OrderCancelled");
    assert_eq!(
        event["dataschema"],
        "urn:event-schema:orders:OrderCancelled:1"
    );
    assert_eq!(event["sequence"], "00000000000000000002");
    assert_eq!(event["data"]["orderId"], id);
}

#[tokio::test]
async fn cancelling_twice_is_200_with_nothing_written() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let first = fixture.cancel(&id).await;
    let saved = fixture.items("").await;
    let second = fixture.cancel(&id).await;
    assert_eq!((second.status, &second.body), (200, &first.body));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(fixture.items("").await, saved);
    assert_eq!(fixture.events().await.len(), 2);
}

#[tokio::test]
async fn concurrent_requests_write_one_event() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let answers = join_all((0..8).map(|_| fixture.cancel(&id))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(fixture.events().await.len(), 2);
}

#[tokio::test]
async fn the_sample_payload_names_an_order() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../samples/cancel-order.json");
    let request = lambda_http::request::from_str(sample).unwrap();
    let answer = cancel_order(&fixture.service, Callers::Anyone, request).await;
    answer.assert_problem(404, "unknown-order");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("019d4f5e-6a00-7000-8000-000000000042"));
}

#[tokio::test]
async fn an_unknown_order_is_404() {
    let fixture = Fixture::start().await;
    for id in ["019ad0c5-0a4c-7000-8000-000000000001", "nonsense", ""] {
        let answer = fixture.cancel(id).await;
        answer.assert_problem(404, "unknown-order");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(id), "{detail}");
    }
    assert!(fixture.events().await.is_empty());
}

pub(crate) const ID: &str = "019ad0c5-0a4c-7000-8000-000000000001";

pub(crate) fn found() -> (u16, Value) {
    let item = json!({
        "pk": {"S": format!("order#{ID}")},
        "id": {"S": ID},
        "customerId": {"S": "customer-7"},
        "status": {"S": "placed"},
        "items": {"L": []},
        "total": {"M": {"amount": {"N": "0"}, "currency": {"S": "EUR"}}},
        "createdAt": {"S": "2026-11-24T09:00:00Z"},
        "updatedAt": {"S": "2026-11-24T09:00:00Z"},
        "version": {"N": "1"},
        "lastSequence": {"N": "1"},
    });
    (200, json!({"Item": item}))
}

#[tokio::test]
async fn a_conflict_is_retried_once_and_then_409() {
    let done = (200, json!({}));
    for code in ["ConditionalCheckFailed", "TransactionConflict"] {
        for (answers, status) in [
            (vec![canceled(code), done.clone()], 200),
            (vec![canceled(code)], 409),
        ] {
            let dynamodb =
                DynamoDb::responding(&[("GetItem", &[found()]), ("TransactWriteItems", &answers)])
                    .await;
            let answer =
                cancel_order(&service(&dynamodb.client), Callers::Anyone, cancel(ID)).await;
            assert_eq!(answer.status, status, "{code}: {answer:?}");
            assert_eq!(dynamodb.calls("TransactWriteItems").await, 2);
            // The retry reads the order and decides on the current state.
            assert_eq!(dynamodb.calls("GetItem").await, 2);
            if status == 409 {
                answer.assert_problem(409, "being-changed");
            }
        }
    }
}

#[tokio::test]
async fn a_transient_failure_is_503_with_retry_after() {
    let throttled = json!({"__type": "ProvisionedThroughputExceededException"});
    let down = json!({"__type": "InternalServerError"});
    for (read, write) in [
        ((400, throttled), canceled("None")),
        ((500, down.clone()), canceled("None")),
        (found(), canceled("ThrottlingError")),
        (found(), (500, down)),
    ] {
        let dynamodb =
            DynamoDb::responding(&[("GetItem", &[read]), ("TransactWriteItems", &[write])]).await;
        let answer = cancel_order(&service(&dynamodb.client), Callers::Anyone, cancel(ID)).await;
        answer.assert_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_500_without_details() {
    let denied = (
        400,
        json!({"__type": "AccessDeniedException", "message": "secret role"}),
    );
    for (read, write) in [(denied.clone(), canceled("None")), (found(), denied)] {
        let dynamodb =
            DynamoDb::responding(&[("GetItem", &[read]), ("TransactWriteItems", &[write])]).await;
        let answer = cancel_order(&service(&dynamodb.client), Callers::Anyone, cancel(ID)).await;
        assert_eq!(answer.status, 500);
        assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    }
}
