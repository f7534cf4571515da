//! EventBridge as a stub.

use std::sync::{Arc, Mutex};

use outbox::{OutboxRow, aws::EventBridgeBus};
use outbox_conformance::bus::{Fixture, conforms};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{answer, error, operation};
use crate::aws::stubs::bus;

/// The limits of a request: `PutEvents` in the API reference. Its size must be less.
const MOST_ENTRIES: usize = 10;
const LIMIT_BYTES: usize = 1_000_000;

#[derive(Default)]
struct State {
    is_deleted: bool,
    received: Vec<String>,
}

impl State {
    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        let (operation, body) = operation(request);
        match operation.as_str() {
            "DescribeEventBus" if self.is_deleted => error("ResourceNotFoundException"),
            "DescribeEventBus" => answer(&json!({"Name": body["Name"]})),
            "PutEvents" => self.put(body["Entries"].as_array().unwrap()),
            other => panic!("{other} is unknown"),
        }
    }

    fn put(&mut self, entries: &[Value]) -> ResponseTemplate {
        let bytes: usize = entries.iter().map(entry_bytes).sum();
        if entries.len() > MOST_ENTRIES || bytes >= LIMIT_BYTES {
            return error("ValidationException");
        }
        let results: Vec<Value> = entries.iter().map(|entry| self.put_one(entry)).collect();
        let failed = |result: &&Value| result.get("ErrorCode").is_some();
        let failed = results.iter().filter(failed).count();
        answer(&json!({"FailedEntryCount": failed, "Entries": results}))
    }

    fn put_one(&mut self, entry: &Value) -> Value {
        let detail = entry["Detail"].as_str().unwrap();
        let parsed = serde_json::from_str::<Value>(detail);
        if !parsed.is_ok_and(|detail| detail.is_object()) {
            return json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."});
        }
        if !self.is_deleted {
            self.received.push(detail.to_owned());
        }
        json!({"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"})
    }
}

/// "Calculating event entry size" in the user guide.
fn entry_bytes(entry: &Value) -> usize {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().len();
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    time + text("Source") + text("DetailType") + text("Detail")
}

struct Stub {
    bus: EventBridgeBus,
    state: Arc<Mutex<State>>,
    _server: MockServer,
}

async fn begin() -> Stub {
    let state: Arc<Mutex<State>> = Arc::default();
    let server = MockServer::start().await;
    let respond = {
        let state = Arc::clone(&state);
        move |request: &Request| state.lock().unwrap().respond(request)
    };
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    Stub {
        bus: bus(&server),
        state,
        _server: server,
    }
}

impl Fixture for Stub {
    type Bus = EventBridgeBus;

    fn bus(&self) -> &EventBridgeBus {
        &self.bus
    }

    async fn commit_spoiled(&self, mut row: OutboxRow) -> OutboxRow {
        row.detail.truncate(5);
        row
    }

    async fn delete_bus(&self) {
        self.state.lock().unwrap().is_deleted = true;
    }

    async fn received(&self) -> Vec<String> {
        self.state.lock().unwrap().received.clone()
    }
}

#[tokio::test]
async fn the_bus_conforms() {
    conforms(begin, &[]).await;
}
