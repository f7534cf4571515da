//! A stub of a stream with shards that split, which no emulator has.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};

use super::{
    function::{FailsBy, Function},
    lambda::{Dialect, Lambda},
    process::{StreamMapping, settled, stream_mapping},
    queue::Queue,
};

const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-central-1:000000000000:table/things/stream/2026-11-24T09:00:00.000";

/// Shards: id, parent, and items.
struct Shards(Vec<(&'static str, Option<&'static str>, Vec<&'static str>)>);

async fn start(shards: Shards) -> SocketAddr {
    let router = Router::new()
        .route("/", post(respond))
        .with_state(Arc::new(shards));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// All shards are closed. Each returns an empty page first, as real ones do.
async fn respond(
    State(shards): State<Arc<Shards>>,
    headers: HeaderMap,
    request: Bytes,
) -> Json<Value> {
    let request: Value = serde_json::from_slice(&request).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap();
    let items = |id: &str| &shards.0.iter().find(|(shard, ..)| *shard == id).unwrap().2;
    Json(match operation {
        "DescribeStream" => describe(&shards, request["ExclusiveStartShardId"].as_str()),
        "GetShardIterator" => {
            assert_eq!(request["ShardIteratorType"], "TRIM_HORIZON");
            json!({"ShardIterator": format!("{}/empty", request["ShardId"].as_str().unwrap())})
        }
        "GetRecords" => {
            let iterator = request["ShardIterator"].as_str().unwrap();
            match iterator.split_once('/').unwrap() {
                (id, "empty") => {
                    json!({"Records": [], "NextShardIterator": format!("{id}/rest")})
                }
                (id, _) => json!({"Records": records(items(id))}),
            }
        }
        other => panic!("unexpected call {other}"),
    })
}

/// Returns a page with one shard.
fn describe(shards: &Shards, after: Option<&str>) -> Value {
    let is_after = |(id, ..): &&(&'static str, _, _)| after.is_some_and(|after| *id == after);
    let index = match after {
        None => 0,
        Some(_) => 1 + shards.0.iter().position(|shard| is_after(&shard)).unwrap(),
    };
    let (id, parent, _) = &shards.0[index];
    let mut description = json!({"Shards": [{
        "ShardId": id,
        "ParentShardId": parent,
        "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"},
    }]});
    if index + 1 < shards.0.len() {
        description["LastEvaluatedShardId"] = json!(id);
    }
    json!({"StreamDescription": description})
}

/// Returns records with the current time, since records older than a day are given up.
fn records(items: &[&str]) -> Vec<Value> {
    let now = jiff::Timestamp::now();
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            json!({
                "eventName": "INSERT",
                "dynamodb": {
                    "ApproximateCreationDateTime": now.as_second(),
                    "Keys": {"pk": {"S": item}},
                    "SequenceNumber": (100 + index).to_string(),
                },
            })
        })
        .collect()
}

#[tokio::test]
async fn children_are_read_after_their_parents_others_at_once() {
    let streams = start(Shards(vec![
        ("child-1", Some("parent"), vec!["child 1"]),
        ("child-2", Some("parent"), vec!["child 2"]),
        ("parent", None, vec!["parent", "42"]),
        ("stranger", Some("forgotten"), vec!["stranger"]),
    ]))
    .await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let _function = Function::start(lambda.address, FailsBy::Report);
    let mut command = stream_mapping(streams, &lambda, &queue);
    command
        .args(["--event-source-arn", STREAM_ARN])
        .args(["--starting-position", "TRIM_HORIZON"])
        .args(["--function-response-types", "ReportBatchItemFailures"])
        .args(["--maximum-retry-attempts", "1"]);
    let mapping = StreamMapping::start(command);
    mapping.until(|log| settled(log) == 5).await;

    let batches: Vec<String> = lambda
        .batches()
        .iter()
        .map(|batch| batch.join(" "))
        .collect();
    let place = |batch: &str| {
        let found = batches.iter().rposition(|other| other == batch);
        found.unwrap_or_else(|| panic!("no batch {batch:?} in {batches:?}"))
    };
    assert!(place("child 1") > place("42"), "{batches:?}");
    assert!(place("child 2") > place("42"), "{batches:?}");
    assert!(place("stranger") < place("42"), "{batches:?}");
    let done = |log: &[Value]| {
        let is_done = |entry: &&Value| entry["event"] == "shardDone";
        log.iter().filter(is_done).count() == 4
    };
    mapping.until(done).await;
}
