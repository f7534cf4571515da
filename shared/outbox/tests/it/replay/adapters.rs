//! DynamoDB streams in process, and SQS as a stub, through the real SDK clients.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use outbox::{
    RowKey,
    relay::CallError,
    replay::{
        DeadLetterQueue, Depth, DynamoDbStreams, From, Message, Place, StreamError, StreamReader,
        StreamRecord,
    },
};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::{
    fakes::row,
    relay::adapters::{answering, queue},
};

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
    assert_eq!(sent["WaitTimeSeconds"], 1, "every server is asked");
}

#[tokio::test]
async fn an_empty_queue_answers_with_nothing() {
    let stub = answering(200, json!({})).await;
    let received = queue(&stub).receive(10, Duration::from_mins(2)).await;
    assert_eq!(received, Ok(vec![]));
}

#[tokio::test]
async fn messages_are_hidden_and_given_back_by_their_receipts() {
    let stub = answering(200, json!({"Successful": [], "Failed": []})).await;
    let messages = [message("a"), message("b")];
    queue(&stub).hide(&messages, Duration::ZERO).await.unwrap();
    let sent = sent(&stub).await;
    assert_eq!(sent["Entries"][1]["ReceiptHandle"], "receipt of b");
    assert_eq!(sent["Entries"][1]["VisibilityTimeout"], 0);
}

#[tokio::test]
async fn what_was_not_deleted_is_answered() {
    let failed = json!({"Id": "1", "Code": "ReceiptHandleIsInvalid", "SenderFault": true});
    let stub = answering(200, json!({"Successful": [], "Failed": [failed]})).await;
    let messages = [message("a"), message("b"), message("c")];
    let undeleted = queue(&stub).delete(&messages).await.unwrap();
    assert_eq!(undeleted, ["b"]);
}

#[tokio::test]
async fn a_queue_tells_its_depth() {
    let attributes = json!({
        "ApproximateNumberOfMessages": "7", "ApproximateNumberOfMessagesNotVisible": "2",
    });
    let stub = answering(200, json!({"Attributes": attributes})).await;
    let depth = queue(&stub).depth().await.unwrap();
    assert_eq!(
        depth,
        Depth {
            visible: 7,
            hidden: 2
        }
    );
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_a_fault_of_the_set_up() {
    let stub = answering(
        400,
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}),
    )
    .await;
    let error = queue(&stub).depth().await.unwrap_err();
    assert!(matches!(error, CallError::SetUp(_)), "{error:?}");
}

/// An outbox table with a stream, and its stream.
struct Streamed {
    client: aws_sdk_dynamodb::Client,
    streams: aws_sdk_dynamodbstreams::Client,
    arn: String,
}

impl Streamed {
    async fn start() -> Self {
        let address = dynamodb_in_process::listen().await;
        let client = dynamodb_in_process::client(address);
        dynamodb_in_process::create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage);
        let updated = client
            .update_table()
            .table_name("outbox")
            .stream_specification(stream.build().unwrap())
            .send()
            .await
            .unwrap();
        let table = updated.table_description.unwrap();
        Self {
            client,
            streams: streams(&format!("http://{address}")),
            arn: table.latest_stream_arn.unwrap(),
        }
    }

    async fn put(&self, sequence: u64) -> RowKey {
        let key = row("a", sequence).key;
        self.client
            .put_item()
            .table_name("outbox")
            .item("aggregateId", AttributeValue::S(key.aggregate_id.clone()))
            .item("position", AttributeValue::S(key.position.clone()))
            .send()
            .await
            .unwrap();
        key
    }

    async fn delete(&self, key: &RowKey) {
        self.client
            .delete_item()
            .table_name("outbox")
            .key("aggregateId", AttributeValue::S(key.aggregate_id.clone()))
            .key("position", AttributeValue::S(key.position.clone()))
            .send()
            .await
            .unwrap();
    }

    async fn shard_and_first_number(&self) -> (String, String) {
        let described = self.streams.describe_stream().stream_arn(&self.arn).send();
        let description = described.await.unwrap().stream_description.unwrap();
        let shard = description.shards()[0].shard_id().unwrap().to_owned();
        let iterator = self
            .streams
            .get_shard_iterator()
            .stream_arn(&self.arn)
            .shard_id(&shard)
            .shard_iterator_type(aws_sdk_dynamodbstreams::types::ShardIteratorType::TrimHorizon)
            .send()
            .await
            .unwrap();
        let read = self.streams.get_records();
        let read = read.set_shard_iterator(iterator.shard_iterator);
        let records = read.send().await.unwrap();
        let first = records.records()[0].dynamodb().unwrap();
        (shard, first.sequence_number().unwrap().to_owned())
    }
}

fn streams(endpoint: &str) -> aws_sdk_dynamodbstreams::Client {
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_dynamodbstreams::Client::from_conf(config)
}

#[tokio::test]
async fn inserts_are_read_with_their_keys_and_the_rest_as_records_of_nothing() {
    let table = Streamed::start().await;
    let first = table.put(1).await;
    let second = table.put(2).await;
    table.delete(&first).await;
    let (shard_id, number) = table.shard_and_first_number().await;
    let reader = DynamoDbStreams::new(table.streams.clone());
    let read = async |from: From<'_>| {
        let place = Place {
            stream_arn: &table.arn,
            shard_id: &shard_id,
            from,
        };
        let iterator = reader.open(&place).await.unwrap();
        let page = reader.read(&iterator).await.unwrap();
        let inserted = page.records.into_iter().map(|record| record.inserted);
        inserted.collect::<Vec<_>>()
    };
    let all = vec![Some(first), Some(second), None];
    assert_eq!(read(From::At(&number)).await, all);
    assert_eq!(read(From::After(&number)).await, all[1..]);
}

#[tokio::test]
async fn errors_of_a_stream_are_told_apart() {
    let is_gone: fn(&StreamError) -> bool = |error| matches!(error, StreamError::Gone(_));
    let is_expired: fn(&StreamError) -> bool = |error| *error == StreamError::Expired;
    let is_transient: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Transient(_)));
    let is_set_up: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::SetUp(_)));
    let is_content: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Content(_)));
    for (code, is_right) in [
        ("TrimmedDataAccessException", is_gone),
        ("ResourceNotFoundException", is_gone),
        ("ExpiredIteratorException", is_expired),
        ("LimitExceededException", is_transient),
        ("InternalServerError", is_transient),
        ("AccessDeniedException", is_set_up),
        ("ValidationException", is_content),
    ] {
        let stub = answering(400, json!({"__type": format!("a#{code}"), "message": "no"})).await;
        let reader = DynamoDbStreams::new(streams(&stub.uri()));
        let place = Place {
            stream_arn: "arn",
            shard_id: "shard",
            from: From::At("100"),
        };
        for error in [
            reader.read("iterator").await.unwrap_err(),
            reader.open(&place).await.unwrap_err(),
        ] {
            assert!(is_right(&error), "{code}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_shard_that_has_ended_says_so() {
    let stub = answering(
        200,
        json!({"Records": [{
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": "100",
                "Keys": {"aggregateId": {"S": "a"}, "position": {"S": "1#2"}},
            },
        }]}),
    )
    .await;
    let reader = DynamoDbStreams::new(streams(&stub.uri()));
    let page = reader.read("iterator").await.unwrap();
    assert_eq!(page.next, None);
    assert_eq!(
        page.records,
        [StreamRecord {
            sequence_number: "100".into(),
            inserted: Some(RowKey {
                aggregate_id: "a".into(),
                position: "1#2".into(),
            }),
        }]
    );
}
