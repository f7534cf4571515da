//! DynamoDB's errors, from a stub.

use std::sync::atomic::{AtomicUsize, Ordering};

use outbox::{
    CommitError,
    inbox::{Handled, Inbox, OnceError},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::fixture::*;

fn canceled(code: &str) -> (u16, Value) {
    let answer = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": code}, {"Code": "None"}],
    });
    (400, answer)
}

/// Returns these responses in turn, and then always the last one.
async fn dynamodb(answers: Vec<(u16, Value)>) -> (MockServer, Inbox) {
    let stub = MockServer::start().await;
    let calls = AtomicUsize::new(0);
    let respond = move |_: &Request| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let (status, body) = &answers[call.min(answers.len() - 1)];
        ResponseTemplate::new(*status).set_body_json(body)
    };
    Mock::given(any()).respond_with(respond).mount(&stub).await;
    let inbox = inbox(&dynamodb_in_process::client(*stub.address()), "consumer");
    (stub, inbox)
}

#[tokio::test]
async fn a_conflict_is_not_a_duplicate_and_is_retried() {
    for passing in [
        canceled("TransactionConflict"),
        canceled("ThrottlingError"),
        (500, json!({"__type": "InternalServerError"})),
    ] {
        let (stub, inbox) = dynamodb(vec![passing.clone(), passing, (200, json!({}))]).await;
        let handled = inbox.once(&event("orders", "1"), put("a")).await;
        assert_eq!(handled.unwrap(), Handled::Now);
        let requests = stub.received_requests().await.unwrap();
        let tokens: Vec<Value> = requests
            .iter()
            .map(|request| request.body_json::<Value>().unwrap()["ClientRequestToken"].clone())
            .collect();
        assert_eq!(tokens.len(), 3);
        // An attempt whose response was lost is not executed twice.
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    }
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_an_error() {
    let (stub, inbox) = dynamodb(vec![canceled("TransactionConflict")]).await;
    let error = inbox
        .once(&event("orders", "1"), put("a"))
        .await
        .unwrap_err();
    let conflict = matches!(&error, OnceError::Commit(CommitError::Conflict { .. }));
    assert!(conflict, "{error:?}");
    assert_eq!(stub.received_requests().await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_rejection_is_an_error_without_retries() {
    let denied = (400, json!({"__type": "AccessDeniedException"}));
    let (stub, inbox) = dynamodb(vec![denied]).await;
    let error = inbox
        .once(&event("orders", "1"), put("a"))
        .await
        .unwrap_err();
    let refused = matches!(&error, OnceError::Commit(CommitError::Refused { .. }));
    assert!(refused, "{error:?}");
    assert_eq!(stub.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_record_decides_whatever_other_conditions_fail() {
    let failed = json!({"Code": "ConditionalCheckFailed"});
    for of_consumer in [
        failed.clone(),
        json!({"Code": "None"}),
        json!({"Code": "TransactionConflict"}),
    ] {
        let answer = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "CancellationReasons": [of_consumer, failed],
        });
        let (_stub, inbox) = dynamodb(vec![(400, answer)]).await;
        let handled = inbox.once(&event("orders", "1"), put("a")).await.unwrap();
        assert_eq!(handled, Handled::Before);
    }
}
