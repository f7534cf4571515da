//! Stubs of on-failure destinations other than a queue.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Router,
    body::Bytes,
    extract::{Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use serde_json::Value;

use super::{
    function::{FailsBy, Function, POISON},
    lambda::{Dialect, Lambda},
    process::{StreamMapping, in_environment},
    queue::Queue,
    table::Table,
};

const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:given-up";

/// What was sent, with the target.
type Sent = Arc<Mutex<Vec<(String, Value)>>>;

async fn start(router: Router<Sent>) -> (SocketAddr, Sent) {
    let sent = Sent::default();
    let router = router.with_state(Arc::clone(&sent));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, sent)
}

/// SNS receives forms and returns XML.
async fn sns(State(sent): State<Sent>, Form(form): Form<HashMap<String, String>>) -> String {
    assert_eq!(form["TopicArn"], TOPIC);
    let action = form["Action"].as_str();
    match action {
        "GetTopicAttributes" => {}
        "Publish" => {
            let message = serde_json::from_str(&form["Message"]).unwrap();
            sent.lock().unwrap().push((TOPIC.to_owned(), message));
        }
        other => panic!("unexpected call {other}"),
    }
    format!(
        "<{action}Response><{action}Result><MessageId>1</MessageId></{action}Result></{action}Response>"
    )
}

async fn s3(
    State(sent): State<Sent>,
    method: Method,
    Path(path): Path<String>,
    body: Bytes,
) -> Response {
    match method {
        Method::HEAD if path.trim_end_matches('/') == "given-up" => StatusCode::OK,
        Method::PUT => {
            let object = serde_json::from_slice(&body).unwrap();
            sent.lock().unwrap().push((path, object));
            StatusCode::OK
        }
        _ => StatusCode::NOT_FOUND,
    }
    .into_response()
}

/// Runs the command with three records until the poison among them is given up. Returns
/// the log.
async fn give_up(service: &str, address: SocketAddr, arn: &str) -> Vec<Value> {
    let table = Table::start().await;
    let poison: u32 = POISON.parse().unwrap();
    table.put(poison - 1..=poison + 1).await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let _function = Function::start(lambda.address, FailsBy::Report);
    let mut command = in_environment(table.address, &lambda, &queue);
    command
        .env(
            format!("AWS_ENDPOINT_URL_{service}"),
            format!("http://{address}"),
        )
        .args(["--function-name", "function", "--log", "json"])
        .args(["--event-source-arn", &table.stream_arn])
        .args(["--starting-position", "TRIM_HORIZON"])
        .args(["--function-response-types", "ReportBatchItemFailures"])
        .args(["--maximum-retry-attempts", "0"])
        .arg("--bisect-batch-on-function-error")
        .args([
            "--destination-config",
            &format!(r#"{{"OnFailure": {{"Destination": "{arn}"}}}}"#),
        ]);
    let mapping = StreamMapping::start(command);
    let is_sent = |entry: &Value| entry["event"] == "sentOnFailure";
    mapping.until(|log| log.iter().any(is_sent)).await;
    assert!(queue.messages().is_empty());
    let log = mapping.log();
    let (_, counts) = mapping.stop().await;
    assert_eq!(counts["OnFailureDestinationDeliveredEventCount"], 1);
    log
}

fn message(log: &[Value]) -> Value {
    let is_sent = |entry: &&Value| entry["event"] == "sentOnFailure";
    log.iter().find(is_sent).unwrap()["message"].clone()
}

#[tokio::test]
async fn a_topic_receives_the_same_message_as_a_queue() {
    let (address, sent) = start(Router::new().route("/", post(sns))).await;
    let log = give_up("SNS", address, TOPIC).await;
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent, [(TOPIC.to_owned(), message(&log))]);
    assert_eq!(sent[0].1["DDBStreamBatchInfo"]["batchSize"], 1);
    assert!(sent[0].1.get("payload").is_none());
}

#[tokio::test]
async fn a_bucket_receives_the_records_too() {
    let router = Router::new().route("/{*path}", any(s3));
    let (address, sent) = start(router).await;
    let log = give_up("S3", address, "arn:aws:s3:::given-up").await;
    let sent = sent.lock().unwrap().clone();
    let [(path, object)] = &sent[..] else {
        panic!("{sent:?}")
    };

    let message = message(&log);
    let shard = message["DDBStreamBatchInfo"]["shardId"].as_str().unwrap();
    let at: jiff::Timestamp = message["timestamp"].as_str().unwrap().parse().unwrap();
    let uuid = log[0]["uuid"].as_str().unwrap();
    let begin = format!(
        "given-up/aws/lambda/{uuid}/{shard}/{}-",
        at.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S")
    );
    let random = path
        .strip_prefix(&begin)
        .unwrap_or_else(|| panic!("{path}"));
    random.parse::<uuid::Uuid>().unwrap();

    let mut object = object.clone();
    let payload = object.as_object_mut().unwrap().remove("payload").unwrap();
    assert_eq!(object, message);
    let event: Value = serde_json::from_str(payload.as_str().unwrap()).unwrap();
    let records = event["Records"].as_array().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["dynamodb"]["Keys"]["pk"]["S"], POISON);
}
