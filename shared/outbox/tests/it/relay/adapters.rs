//! The adapters to AWS: DynamoDB in process, EventBridge and SQS as stubs, all through the
//! real SDK clients.

use std::{sync::Arc, time::Duration};

use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use dynamodb_in_process::{create_table, items};
use jiff::SignedDuration;
use outbox::{
    AggregateWrite, DomainEvent, KeySchema, Outbox, OutboxRow, RowKey, Unreadable,
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{StreamEvent, StreamHandler, Sweeper},
    ports::{
        CallError, DeadLetter, DeadLetters, EntryError, EventBus, OutboxTable, PutResult, RowState,
        Segment,
    },
    relay::Relay,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header},
};

use crate::memory::{record, row};

pub(crate) fn bus(stub: &MockServer) -> EventBridgeBus {
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(stub.uri())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    EventBridgeBus::new(aws_sdk_eventbridge::Client::from_conf(config), "orders")
}

pub(crate) fn queue(stub: &MockServer) -> SqsQueue {
    let (client, url) = sqs(stub);
    SqsQueue::new(client, url)
}

/// A client of SQS, and the URL of a queue.
pub(crate) fn sqs(stub: &MockServer) -> (aws_sdk_sqs::Client, String) {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(stub.uri())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    let url = format!("{}/000000000000/dead", stub.uri());
    (aws_sdk_sqs::Client::from_conf(config), url)
}

pub(crate) async fn answering(status: u16, body: Value) -> MockServer {
    let stub = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(&stub)
        .await;
    stub
}

fn rows(count: u64) -> Vec<Arc<OutboxRow>> {
    (1..=count)
        .map(|sequence| Arc::new(row("a", sequence)))
        .collect()
}

fn accepted() -> Value {
    json!({"EventId": "1"})
}

fn refused(code: &str) -> Value {
    json!({"ErrorCode": code, "ErrorMessage": "no"})
}

async fn put(count: u64, answer: Value) -> Vec<PutResult> {
    let stub = answering(200, answer).await;
    bus(&stub).put(&rows(count)).await.unwrap()
}

fn is_transient(result: &PutResult) -> bool {
    matches!(result, PutResult::Rejected(EntryError::Transient(_)))
}

#[tokio::test]
async fn put_events_sends_the_row_as_it_is() {
    let stub = answering(200, json!({"FailedEntryCount": 0, "Entries": [accepted()]})).await;
    let mut sent = row("a", 1);
    sent.trace_header = Some("Root=1-5759e988-bd862e3fe1be46a994272793".into());
    let results = bus(&stub).put(&[Arc::new(sent)]).await.unwrap();
    assert_eq!(results, [PutResult::Accepted]);

    let request = &stub.received_requests().await.unwrap()[0];
    let body: Value = request.body_json().unwrap();
    assert_eq!(
        body,
        json!({"Entries": [{
            "Time": 1_795_510_800.5,
            "Source": "things",
            "DetailType": "Renamed",
            "Detail": "{\"sequence\":1}",
            "EventBusName": "orders",
            "TraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
        }]})
    );
}

#[tokio::test]
async fn accepted_means_an_event_id_and_no_error_code() {
    let answer = json!({"FailedEntryCount": 2, "Entries": [
        accepted(), {"EventId": "2", "ErrorCode": "InternalFailure"}, {}, {"EventId": ""},
    ]});
    let results = put(4, answer).await;
    assert_eq!(results[0], PutResult::Accepted);
    assert!(results[1..].iter().all(is_transient), "{results:?}");
}

#[tokio::test]
async fn entry_errors_are_sorted_by_their_codes() {
    type IsExpected = fn(&EntryError) -> bool;
    let content: IsExpected = |error| matches!(error, EntryError::Content(_));
    let configuration: IsExpected = |error| matches!(error, EntryError::Configuration(_));
    let transient: IsExpected = |error| matches!(error, EntryError::Transient(_));
    for (code, expected) in [
        ("MalformedDetail", content),
        ("InvalidArgument", content),
        ("RedactionFailure", content),
        ("NotAuthorizedForSourceException", configuration),
        ("NotAuthorizedForDetailTypeException", configuration),
        ("InvalidAccountIdException", configuration),
        ("AccessDeniedException", configuration),
        ("ThrottlingException", transient),
        ("InternalFailure", transient),
        ("InternalException", transient),
        ("SomethingNew", transient),
    ] {
        let results = put(
            1,
            json!({"FailedEntryCount": 1, "Entries": [refused(code)]}),
        )
        .await;
        let PutResult::Rejected(error) = &results[0] else {
            panic!("{code} accepted")
        };
        assert!(expected(error), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn a_failed_entry_count_above_the_errors_is_believed() {
    let results = put(
        2,
        json!({"FailedEntryCount": 1, "Entries": [accepted(), accepted()]}),
    )
    .await;
    assert!(results.iter().all(is_transient));
}

#[tokio::test]
async fn a_short_list_of_results_stays_short() {
    assert_eq!(
        put(3, json!({"FailedEntryCount": 0, "Entries": [accepted()]}))
            .await
            .len(),
        1
    );
    assert!(put(3, json!({})).await.is_empty());
}

#[tokio::test]
async fn request_errors_are_sorted_by_their_codes() {
    type IsExpected = fn(&CallError) -> bool;
    let content: IsExpected = |error| matches!(error, CallError::Content(_));
    let configuration: IsExpected = |error| matches!(error, CallError::Configuration(_));
    let transient: IsExpected = |error| matches!(error, CallError::Transient(_));
    for (status, code, expected) in [
        (400, "AccessDeniedException", configuration),
        (400, "UnrecognizedClientException", configuration),
        (403, "InvalidSignatureException", configuration),
        (400, "ResourceNotFoundException", configuration),
        (400, "KMSAccessDeniedException", configuration),
        (400, "KMSThrottlingException", transient),
        (400, "ValidationException", content),
        (413, "Whatever", content),
        (400, "ThrottlingException", transient),
        (500, "InternalException", transient),
        (503, "ServiceUnavailable", transient),
        (400, "SomethingNew", transient),
    ] {
        let stub = answering(status, json!({"__type": code, "message": "no"})).await;
        let error = bus(&stub).put(&rows(1)).await.unwrap_err();
        assert!(expected(&error), "{code}: {error:?}");
        let requests = stub.received_requests().await.unwrap().len();
        assert_eq!(requests, 1, "{code}: the SDK must not repeat it");
    }
}

#[tokio::test]
async fn missing_permission_to_describe_the_bus_is_a_configuration_fault() {
    let stub = answering(400, json!({"__type": "AccessDeniedException"})).await;
    let error = bus(&stub).exists().await.unwrap_err();
    assert!(matches!(error, CallError::Configuration(_)), "{error:?}");
}

#[tokio::test]
async fn a_rejected_dead_letter_is_an_error() {
    let stub = answering(
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

struct Renamed;

impl serde::Serialize for Renamed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({"name": "new"}).serialize(serializer)
    }
}

impl DomainEvent for Renamed {
    fn event_type(&self) -> &str {
        "Renamed"
    }
}

/// A table with rows that the append side wrote.
pub(crate) async fn table_with_rows(count: usize) -> (aws_sdk_dynamodb::Client, Vec<RowKey>) {
    let client = dynamodb_in_process::start().await;
    create_table(&client, "things", "pk", None).await;
    create_table(&client, "outbox", "aggregateId", Some("position")).await;
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let write = AggregateWrite::create(
        "thing#1",
        "things",
        KeySchema::partition_key("pk"),
        &json!({"pk": "1"}),
    );
    let events = std::iter::repeat_n(&Renamed, count);
    let committed = outbox
        .transaction(write)
        .events(events)
        .commit()
        .await
        .unwrap();
    (client, committed.events)
}

#[tokio::test]
async fn scans_are_consistent_and_continue_after_the_last_page() {
    let key = row("a", 1).key;
    let last = json!({"aggregateId": {"S": "a"}, "position": {"S": key.position}});
    let stub = answering(200, json!({"Items": [], "LastEvaluatedKey": last})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let segment = Segment { index: 2, of: 8 };
    let page = table.scan(segment, Some(&key)).await.unwrap();
    assert_eq!(page.next, Some(key));
    let body: Value = stub.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    assert_eq!(body["ConsistentRead"], json!(true));
    assert_eq!(
        (&body["Segment"], &body["TotalSegments"]),
        (&json!(2), &json!(8))
    );
    assert_eq!(body["ExclusiveStartKey"], last);
}

/// DynamoDB rejects a start key at or behind the end of the range.
#[tokio::test]
async fn no_query_starts_at_the_last_wanted_row() {
    let stub = answering(
        400,
        json!({
            "__type": "com.amazon.coral.validate#ValidationException",
            "message": "The provided starting key does not match the range key predicate",
        }),
    )
    .await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let (last, behind) = (row("a", 2).key, row("a", 3).key);
    for after in [&last, &behind] {
        let page = table.query("a", Some(after), Some(&last)).await.unwrap();
        assert!(page.rows.is_empty());
        assert_eq!(page.next, None);
    }
    assert!(stub.received_requests().await.unwrap().is_empty());
    let before = row("a", 1).key;
    assert!(table.query("a", Some(&before), Some(&last)).await.is_err());
    assert!(table.query("a", Some(&behind), None).await.is_err());
}

#[tokio::test]
async fn a_scan_ignores_attributes_of_a_newer_type() {
    let item: serde_dynamo::Item = serde_dynamo::to_item(row("a", 1)).unwrap();
    let item = serde_json::to_value(item).unwrap();
    let with = |name: &str, value: Value| {
        let mut item = item.clone();
        item[name] = value;
        item
    };
    let newer = json!({"VECTOR": [1, 2]});
    let items = [
        with("more", newer.clone()),
        with("more", json!({"M": {"deep": {"L": [newer]}}})),
        with("detail", newer.clone()),
        with("parked", newer),
    ];
    let stub = answering(200, json!({"Items": items})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let all = Segment { index: 0, of: 1 };
    let rows = table.scan(all, None).await.unwrap().rows;
    let [more, deeper, detail, parked] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(**more.candidate.row.as_ref().unwrap(), row("a", 1));
    assert_eq!(more, deeper);
    let malformed = Unreadable::Malformed("attribute \"detail\" is not text".into());
    assert_eq!(detail.candidate.row, Err(malformed));
    assert!(parked.parked.is_some());
}

#[tokio::test]
async fn look_ups_are_consistent_and_unprocessed_keys_unknown() {
    let keys = [row("a", 1).key, row("a", 2).key];
    let unprocessed = json!({"aggregateId": {"S": "a"}, "position": {"S": keys[1].position}});
    let stub = answering(
        200,
        json!({
            "Responses": {"outbox": []},
            "UnprocessedKeys": {"outbox": {"Keys": [unprocessed]}},
        }),
    )
    .await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let states = table.look_up(&keys).await.unwrap();
    assert_eq!(states.get(&keys[0]), Some(&RowState::Absent));
    assert_eq!(states.get(&keys[1]), None);

    let request = &stub.received_requests().await.unwrap()[0];
    let body: Value = request.body_json().unwrap();
    assert_eq!(
        body["RequestItems"]["outbox"]["ConsistentRead"],
        json!(true)
    );
}

#[tokio::test]
async fn a_response_without_the_table_is_an_error() {
    let stub = answering(200, json!({})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    assert!(table.look_up(&[row("a", 1).key]).await.is_err());
}

#[tokio::test]
async fn rows_without_keys_are_not_taken_for_settled() {
    let nameless = json!({"aggregateId": {"S": "a"}});
    for answer in [
        json!({"Responses": {"outbox": []}, "UnprocessedKeys": {"outbox": {"Keys": [nameless]}}}),
        json!({"Responses": {"outbox": [nameless]}}),
        json!({"UnprocessedItems": {"outbox": [{"DeleteRequest": {"Key": nameless}}]}}),
    ] {
        let stub = answering(200, answer.clone()).await;
        let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
        let keys = [row("a", 1).key];
        let error = if answer.get("Responses").is_some() {
            table.look_up(&keys).await.unwrap_err()
        } else {
            table.delete(&keys).await.unwrap_err()
        };
        assert!(matches!(error, CallError::Transient(_)), "{error}");
    }
}

#[tokio::test]
async fn unprocessed_deletes_are_returned() {
    let keys = [row("a", 1).key, row("a", 2).key];
    let unprocessed = json!({"DeleteRequest": {"Key": {
        "aggregateId": {"S": "a"}, "position": {"S": keys[1].position},
    }}});
    let stub = answering(200, json!({"UnprocessedItems": {"outbox": [unprocessed]}})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    assert_eq!(table.delete(&keys).await.unwrap(), keys[1..]);
}

/// EventBridge as a stub: a bus that exists, and a response to `PutEvents`.
pub(crate) async fn event_bridge(put_events: impl wiremock::Respond + 'static) -> MockServer {
    let stub = MockServer::start().await;
    Mock::given(header("x-amz-target", "AWSEvents.DescribeEventBus"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"Name": "orders"})))
        .mount(&stub)
        .await;
    Mock::given(header("x-amz-target", "AWSEvents.PutEvents"))
        .respond_with(put_events)
        .mount(&stub)
        .await;
    stub
}

pub(crate) fn accept_all(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    let entries = vec![accepted(); body["Entries"].as_array().unwrap().len()];
    ResponseTemplate::new(200).set_body_json(json!({"FailedEntryCount": 0, "Entries": entries}))
}

/// An invocation with every row of the table.
pub(crate) async fn everything(client: &aws_sdk_dynamodb::Client) -> Value {
    let rows: Vec<OutboxRow> = items(client, "outbox").await;
    let records: Vec<Value> = rows
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let candidate = outbox::Candidate {
                key: row.key.clone(),
                row: Ok(Arc::new(row)),
                written_at: None,
            };
            record(&format!("{}", 100 + index), &candidate)
        })
        .collect();
    json!({"Records": records})
}

/// Passes every row of the table to a relay between the real adapters.
async fn relay_everything(
    client: &aws_sdk_dynamodb::Client,
    stub: &MockServer,
    time: Duration,
) -> Value {
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let handler = StreamHandler::new(Relay::new(bus(stub), table, queue(stub)));
    let event: StreamEvent = serde_json::from_value(everything(client).await).unwrap();
    let relayed = handler.handle(event, Instant::now() + time).await;
    serde_json::to_value(relayed.response).unwrap()
}

#[tokio::test]
async fn appended_events_reach_the_bus_and_leave_the_table() {
    let (client, keys) = table_with_rows(30).await;
    let stub = event_bridge(accept_all).await;
    let response = relay_everything(&client, &stub, Duration::from_secs(30)).await;
    assert_eq!(response, json!({"batchItemFailures": []}));
    assert_eq!(items::<OutboxRow>(&client, "outbox").await.len(), 0);

    let published = published_ids(&stub).await;
    assert_eq!(published, ids(&keys), "every event once, in sequence");
}

/// Returns the CloudEvents ids of the published events, in order.
pub(crate) async fn published_ids(stub: &MockServer) -> Vec<String> {
    let mut ids = Vec::new();
    for request in stub.received_requests().await.unwrap() {
        let body: Value = request.body_json().unwrap();
        for entry in body["Entries"].as_array().into_iter().flatten() {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            ids.push(detail["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

fn ids(keys: &[RowKey]) -> Vec<&str> {
    keys.iter()
        .map(|key| key.position.split_once('#').unwrap().1)
        .collect()
}

#[tokio::test]
async fn a_sweep_publishes_the_rows_of_the_table() {
    let (client, keys) = table_with_rows(30).await;
    let stub = event_bridge(accept_all).await;
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let relay = Relay::new(bus(&stub), table, queue(&stub));
    let sweeper = Sweeper::new(relay, SignedDuration::ZERO);
    let swept = sweeper
        .sweep(Instant::now() + Duration::from_secs(30))
        .await;
    assert_eq!((swept.pending, swept.published), (30, 30));
    assert!(items::<OutboxRow>(&client, "outbox").await.is_empty());
    assert_eq!(published_ids(&stub).await, ids(&keys), "in sequence");
}

#[tokio::test]
async fn a_bus_that_hangs_is_reported_in_time_and_nothing_is_deleted() {
    let (client, _) = table_with_rows(2).await;
    let hang = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    let stub = event_bridge(hang).await;
    let begun = Instant::now();
    let response = relay_everything(&client, &stub, Duration::from_secs(2)).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(
        response,
        json!({"batchItemFailures": [{"itemIdentifier": "100"}]})
    );
    assert_eq!(items::<OutboxRow>(&client, "outbox").await.len(), 2);
}
