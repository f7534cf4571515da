//! What each fault does to a call that passes through the proxy.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::any};
use devstack_api::{Fault, PutResult, What};
use tokio::net::TcpListener;

use super::*;

/// The requests that reached the local AWS.
type Reached = Arc<Mutex<Vec<String>>>;

/// A proxy in front of a service that accepts every event.
async fn start() -> (FaultProxy, Reached) {
    let reached = Reached::default();
    let accept = async |State(reached): State<Reached>, body: Bytes| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let request: Value = serde_json::from_str(&text).unwrap();
        reached.lock().unwrap().push(text);
        let count = request["Entries"].as_array().map_or(0, Vec::len);
        let entries = vec![json!({"EventId": "1"}); count];
        json!({"FailedEntryCount": 0, "Entries": entries}).to_string()
    };
    let router = Router::new()
        .route("/", any(accept))
        .with_state(Arc::clone(&reached));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = LocalEndpoint::new(listener.local_addr().unwrap()).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let proxy = FaultProxy::listen().await.unwrap();
    (proxy.in_front_of(upstream), reached)
}

fn fault(kind: Kind) -> Fault {
    Fault {
        action: "PutEvents".to_owned(),
        kind,
        probability: 1.0,
        count: None,
    }
}

async fn put_events(proxy: &FaultProxy) -> reqwest::Result<(u16, Value)> {
    put_entries(proxy, &json!(["a", "b"])).await
}

async fn put_entries(proxy: &FaultProxy, entries: &Value) -> reqwest::Result<(u16, Value)> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let response = http
        .post(proxy.endpoint().to_string())
        .header("x-amz-target", "AWSEvents.PutEvents")
        .json(&json!({"Entries": entries}))
        .send()
        .await?;
    Ok((response.status().as_u16(), response.json().await?))
}

#[tokio::test]
async fn without_a_fault_calls_are_forwarded_unchanged() {
    let (proxy, reached) = start().await;
    let (status, answer) = put_events(&proxy).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer["Entries"].as_array().unwrap().len(), 2);
    assert_eq!(*reached.lock().unwrap(), [r#"{"Entries":["a","b"]}"#]);
}

#[tokio::test]
async fn calls_are_received_with_their_callers() {
    let (proxy, _) = start().await;
    let mut calls = proxy.calls();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = http
        .post(proxy.endpoint().to_string())
        .header("x-amz-target", "AWSEvents.PutEvents")
        .header("user-agent", "aws-sdk-rust/1.4 os/linux app/publish-events")
        .json(&json!({"Entries": []}));
    call.send().await.unwrap();
    let call = calls.recv().await.unwrap();
    assert_eq!(call.action, "PutEvents");
    assert_eq!(call.caller.as_deref(), Some("publish-events"));
    assert_eq!(call.request, r#"{"Entries":[]}"#);
}

#[tokio::test]
async fn a_rejected_call_has_no_effect() {
    for (kind, code) in [
        (Kind::Throttle, "ThrottlingException"),
        (Kind::Deny, "AccessDeniedException"),
    ] {
        let (proxy, reached) = start().await;
        proxy.rules().add(fault(kind)).unwrap();
        let (status, answer) = put_events(&proxy).await.unwrap();
        assert_eq!(status, 400);
        assert_eq!(answer["__type"], code);
        assert!(reached.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn half_of_a_call_that_fails_in_part_takes_effect() {
    let (proxy, reached) = start().await;
    proxy.rules().add(fault(Kind::Partial)).unwrap();
    let (status, answer) = put_events(&proxy).await.unwrap();
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(1)));
    assert_eq!(*reached.lock().unwrap(), [r#"{"Entries":["b"]}"#]);
}

#[tokio::test]
async fn a_fault_rejects_only_the_entries_that_it_names() {
    let (proxy, reached) = start().await;
    let containing = "Cancelled".to_owned();
    proxy
        .rules()
        .add(fault(Kind::RejectEntries { containing }))
        .unwrap();
    let hits = || proxy.rules().list()[0].hits;
    let created = json!({"DetailType": "Created"});
    let cancelled = json!({"DetailType": "Cancelled"});

    let both = json!([created, cancelled]);
    let (status, answer) = put_entries(&proxy, &both).await.unwrap();
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(1)));
    assert_eq!(answer["Entries"][1]["ErrorCode"], "InternalFailure");
    let effect = json!({"Entries": [created]}).to_string();
    assert_eq!((hits(), reached.lock().unwrap().pop()), (1, Some(effect)));

    let (_, answer) = put_entries(&proxy, &json!([cancelled])).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 1);
    assert_eq!((hits(), reached.lock().unwrap().pop()), (2, None));

    // A call without such an entry is not hit.
    let (_, answer) = put_entries(&proxy, &json!([created])).await.unwrap();
    assert_eq!((hits(), &answer["FailedEntryCount"]), (2, &json!(0)));
}

#[tokio::test]
async fn a_poison_fault_hits_only_calls_that_commit_an_event() {
    let (proxy, reached) = start().await;
    let once = Fault {
        action: "TransactWriteItems".to_owned(),
        count: Some(1),
        ..fault(Kind::Poison)
    };
    proxy.rules().add(once).unwrap();
    let commit = async |item: Value| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = http
            .post(proxy.endpoint().to_string())
            .header("x-amz-target", "DynamoDB_20120810.TransactWriteItems")
            .json(&json!({"TransactItems": [{"Put": {"Item": item}}]}));
        call.send().await.unwrap();
        let reached: Value = serde_json::from_str(&reached.lock().unwrap().pop().unwrap()).unwrap();
        reached["TransactItems"][0]["Put"]["Item"].clone()
    };
    let order = json!({"orderId": {"S": "42"}});
    let event = json!({"eventId": {"S": "1"}, "detail": {"S": "{\"a\":1}"}});
    // A call without an event is not hit.
    assert_eq!(commit(order.clone()).await, order);
    assert_eq!(
        commit(event.clone()).await["detail"],
        json!({"S": "{\"a\":1"})
    );
    assert_eq!(commit(event.clone()).await, event);
    assert_eq!(proxy.rules().list(), []);
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_effect() {
    for (kind, effects) in [(Kind::CutBefore, 0), (Kind::CutAfter, 1)] {
        let (proxy, reached) = start().await;
        proxy.rules().add(fault(kind.clone())).unwrap();
        assert!(put_events(&proxy).await.is_err(), "{kind:?}");
        assert_eq!(reached.lock().unwrap().len(), effects, "{kind:?}");
    }
}

#[tokio::test]
async fn a_slow_call_is_late_and_has_its_effect() {
    let (proxy, reached) = start().await;
    let slow = Kind::Latency { milliseconds: 50 };
    proxy.rules().add(fault(slow)).unwrap();
    let started = std::time::Instant::now();
    put_events(&proxy).await.unwrap();
    assert!(started.elapsed().as_millis() >= 50);
    assert_eq!(reached.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn calls_are_recorded_with_their_results() {
    let (proxy, _) = start().await;
    let entries = json!([{"Detail": json!({"id": "e"}).to_string()}]);
    proxy.rules().add(fault(Kind::CutAfter)).unwrap();
    assert!(put_entries(&proxy, &entries).await.is_err());
    proxy.rules().clear(None);
    proxy.rules().add(fault(Kind::Throttle)).unwrap();
    put_entries(&proxy, &entries).await.unwrap();
    proxy.rules().clear(None);
    put_entries(&proxy, &entries).await.unwrap();
    let journey = proxy.recorder().journey("e").unwrap();
    let results: Vec<&PutResult> = journey
        .steps
        .iter()
        .filter_map(|step| match &step.what {
            What::Put { result, .. } => Some(result),
            _ => None,
        })
        .collect();
    let throttled = PutResult::Rejected("ThrottlingException".to_owned());
    assert_eq!(
        results,
        [&PutResult::NoAnswer, &throttled, &PutResult::Accepted]
    );
}

#[tokio::test]
async fn web_pages_cannot_manage_the_stack() {
    let (proxy, _) = start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (method, path) in [
        ("GET", "/_activity"),
        ("GET", "/_activity/batches"),
        ("GET", "/_activity/events/e"),
        ("POST", "/_faults"),
        ("DELETE", "/_faults"),
        ("POST", "/_try/orders"),
        ("POST", "/_try/damage"),
    ] {
        let url = format!("{}{path}", proxy.endpoint());
        let method: reqwest::Method = method.parse().unwrap();
        let request = || http.request(method.clone(), &url).body("{}");
        for (name, value) in [
            ("origin", "https://attacker.example"),
            ("sec-fetch-site", "cross-site"),
            ("host", "attacker.example"),
        ] {
            let response = request().header(name, value).send().await.unwrap();
            assert_eq!(response.status(), 403, "{path} {name}");
        }
        let response = request().send().await.unwrap();
        assert_ne!(response.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_as_502() {
    let proxy = FaultProxy::listen().await.unwrap();
    let nowhere = LocalEndpoint::new(([127, 0, 0, 1], 9).into()).unwrap();
    let (status, answer) = put_events(&proxy.in_front_of(nowhere)).await.unwrap();
    assert_eq!(status, 502);
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.starts_with("the local AWS does not answer"),
        "{message}"
    );
}
