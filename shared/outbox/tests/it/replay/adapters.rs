//! The requests to SQS and DynamoDB Streams, and the handling of their errors, with stubs and
//! the real SDK clients.

use std::time::Duration;

use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use dynamodb_in_process::Address;
use outbox::{
    aws::DynamoDbStreams,
    ports::{CallError, DeadLetterQueue, Message, Place, ShardPosition, StreamError, StreamReader},
};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::relay::adapters::{answering, queue};

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
async fn messages_are_received_with_the_time_they_were_sent() {
    let stub = answering(
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
    let stub = answering(200, json!({"Successful": [], "Failed": [failed]})).await;
    let messages = [message("a"), message("b"), message("c")];
    let undeleted = queue(&stub).delete(&messages).await.unwrap();
    assert_eq!(undeleted, ["b"]);
}

#[tokio::test]
async fn a_missing_queue_is_a_configuration_fault() {
    let stub = answering(
        400,
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}),
    )
    .await;
    let error = queue(&stub).depth().await.unwrap_err();
    assert!(matches!(error, CallError::Configuration(_)), "{error:?}");
}

pub(crate) fn streams(address: impl Into<Address>) -> aws_sdk_dynamodbstreams::Client {
    let address = address.into();
    let access_key_id = address.access_key_id();
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(access_key_id, "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_dynamodbstreams::Client::from_conf(config)
}

#[tokio::test]
async fn errors_of_a_stream_are_sorted_by_their_codes() {
    let is_gone: fn(&StreamError) -> bool = |error| matches!(error, StreamError::Gone(_));
    let is_expired: fn(&StreamError) -> bool = |error| *error == StreamError::Expired;
    let is_transient: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Transient(_)));
    let is_configuration: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Configuration(_)));
    let is_content: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Content(_)));
    for (code, is_right) in [
        ("TrimmedDataAccessException", is_gone),
        ("ResourceNotFoundException", is_gone),
        ("ExpiredIteratorException", is_expired),
        ("LimitExceededException", is_transient),
        ("InternalServerError", is_transient),
        ("AccessDeniedException", is_configuration),
        ("ValidationException", is_content),
    ] {
        let stub = answering(400, json!({"__type": format!("a#{code}"), "message": "no"})).await;
        let reader = DynamoDbStreams::new(streams(*stub.address()));
        let place = Place {
            stream_arn: "arn",
            shard_id: "shard",
            from: ShardPosition::At("100"),
        };
        for error in [
            reader.read("iterator").await.unwrap_err(),
            reader.open(&place).await.unwrap_err(),
        ] {
            assert!(is_right(&error), "{code}: {error:?}");
        }
    }
}
