//! What the caller learns when DynamoDB fails.

use lambda_http::Request;
use serde_json::{Value, json};

use crate::fixture::*;

async fn with_dynamodb(answer: (u16, Value), request: Request) -> Answer {
    let dynamodb = DynamoDb::responding(&[("TransactWriteItems", &[answer])]).await;
    create_order(&service(&dynamodb.client), Callers::Anyone, request).await
}

#[tokio::test]
async fn throttling_and_conflicts_are_503_with_retry_after() {
    for code in ["ThrottlingError", "TransactionConflict"] {
        let answer = with_dynamodb(canceled(code), post(&order())).await;
        answer.assert_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_retryable_only_with_a_key() {
    let error = (500, json!({"__type": "InternalServerError"}));
    let with_key = post_with_key(&order(), "key");
    let answer = with_dynamodb(error.clone(), with_key).await;
    answer.assert_problem(503, "unavailable");
    let answer = with_dynamodb(error, post(&order())).await;
    assert_eq!(answer.status, 500);
    assert!(answer.headers.get("retry-after").is_none());
}

#[tokio::test]
async fn a_throttled_retry_after_a_timeout_is_an_unknown_outcome() {
    let dynamodb = DynamoDb::responding(&[(
        "TransactWriteItems",
        &[
            (500, json!({"__type": "InternalServerError"})),
            (400, json!({"__type": "ThrottlingException"})),
        ],
    )])
    .await;
    let answer = create_order(&service(&dynamodb.client), Callers::Anyone, post(&order())).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("may have been saved"), "{detail}");
}

#[tokio::test]
async fn a_past_order_that_cannot_be_read_is_reported_as_saved() {
    let fixture = Fixture::start().await;
    fixture.post(post_with_key(&order(), "key")).await;
    let past = &fixture.items("idem#").await[0];
    let placed_before = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": "None"}, {
            "Code": "ConditionalCheckFailed",
            "Item": {
                "pk": {"S": past["pk"]},
                "orderId": {"S": past["orderId"]},
                "fingerprint": {"S": past["fingerprint"]},
                "expiresAt": {"N": past["expiresAt"].to_string()},
            },
        }, {"Code": "None"}],
    });
    for (code, status) in [("ThrottlingException", 503), ("AccessDeniedException", 500)] {
        let dynamodb = DynamoDb::responding(&[
            ("TransactWriteItems", &[(400, placed_before.clone())]),
            ("GetItem", &[(400, json!({"__type": code}))]),
        ])
        .await;
        let request = post_with_key(&order(), "key");
        let answer = create_order(&service(&dynamodb.client), Callers::Anyone, request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("was placed before"), "{detail}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_500_without_details() {
    let denied = json!({"__type": "AccessDeniedException", "message": "secret role"});
    let answer = with_dynamodb((400, denied), post(&order())).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.to_string().contains("secret"));
}
