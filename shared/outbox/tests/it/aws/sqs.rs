//! The requests to SQS, and the errors that its responses mean.

use std::time::Duration;

use outbox::ports::{CallError, DeadLetter, DeadLetterQueue, DeadLetters, Message};
use serde_json::{Value, json};
use wiremock::MockServer;

use super::stubs::{queue, responding};

fn message(id: &str) -> Message {
    Message {
        id: id.into(),
        receipt: format!("receipt of {id}"),
        body: String::new(),
        sent_at: None,
    }
}

async fn sent(stub: &MockServer) -> Value {
    stub.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap()
}

#[tokio::test]
async fn a_rejected_dead_letter_is_an_error() {
    let stub = responding(
        400,
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}),
    )
    .await;
    let letter: DeadLetter = serde_json::from_value(json!({
        "table": "outbox", "aggregateId": "a", "position": "1#2", "eventId": null,
        "code": "TooLarge", "message": "", "bytes": 0, "sha256": "", "at": "2026-11-24T09:00:00Z",
    }))
    .unwrap();
    let error = queue(&stub).send(&letter).await.unwrap_err();
    assert!(matches!(error, CallError::Configuration(_)), "{error:?}");
}

#[tokio::test]
async fn messages_are_received_with_the_time_they_were_sent() {
    let stub = responding(
        200,
        json!({"Messages": [{
            "MessageId": "1",
            "ReceiptHandle": "handle",
            "Body": "{}",
            "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
            "Attributes": {"SentTimestamp": "1795510800500"},
        }]}),
    )
    .await;
    let received = queue(&stub)
        .receive(10, Duration::from_mins(2))
        .await
        .unwrap();
    let expected = Message {
        id: "1".into(),
        receipt: "handle".into(),
        body: "{}".into(),
        sent_at: Some("2026-11-24T09:00:00.5Z".parse().unwrap()),
    };
    assert_eq!(received, [expected]);
    let sent = sent(&stub).await;
    assert_eq!(sent["VisibilityTimeout"], 120);
    assert_eq!(sent["MaxNumberOfMessages"], 10);
    assert_eq!(sent["WaitTimeSeconds"], 1, "all servers are queried");
}

#[tokio::test]
async fn undeleted_messages_are_returned() {
    let failed = json!({"Id": "1", "Code": "ReceiptHandleIsInvalid", "SenderFault": true});
    let stub = responding(200, json!({"Successful": [], "Failed": [failed]})).await;
    let messages = [message("a"), message("b"), message("c")];
    let undeleted = queue(&stub).delete(&messages).await.unwrap();
    assert_eq!(undeleted, ["b"]);
}

#[tokio::test]
async fn a_missing_queue_is_a_configuration_fault() {
    let stub = responding(
        400,
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}),
    )
    .await;
    let error = queue(&stub).depth().await.unwrap_err();
    assert!(matches!(error, CallError::Configuration(_)), "{error:?}");
}
