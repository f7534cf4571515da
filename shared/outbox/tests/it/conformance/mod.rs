//! The adapters to AWS do what the relay relies on: on DynamoDB in process, and on stubs of
//! the other services that do what AWS documents. The simulated services pass the same
//! suites in `scripts/proof/simulate`, the local AWS in `scripts/devstack`.

mod dynamodb;
mod event_bridge;
mod sqs;
mod streams;

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

/// The operation of a request, and its body.
fn operation(request: &Request) -> (String, Value) {
    let target = request.headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    (operation, request.body_json().unwrap())
}

fn answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn error(code: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({"__type": code, "message": "no"}))
}
