//! EventBridge and SQS as stubs, and clients of the real SDK.

use aws_sdk_dynamodbstreams::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use dynamodb_in_process::Address;
use outbox::aws::{EventBridgeBus, SqsQueue};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header},
};

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

pub(crate) async fn responding(status: u16, body: Value) -> MockServer {
    let stub = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(&stub)
        .await;
    stub
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

pub(crate) fn accepted() -> Value {
    json!({"EventId": "1"})
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
