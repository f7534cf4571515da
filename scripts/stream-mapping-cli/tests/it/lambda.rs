//! A stub of Lambda: the `Invoke` operation for callers, and the Runtime API for the
//! function.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// How `Invoke` returns an error of the function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    /// HTTP 200 with `X-Amz-Function-Error`.
    Aws,
    /// HTTP 500 with the error.
    CargoLambdaWatch,
}

#[derive(Clone)]
pub(crate) struct Lambda {
    pub(crate) address: SocketAddr,
    state: Arc<Shared>,
}

struct Shared {
    dialect: Dialect,
    /// The number of invocations to throttle first.
    throttles: Mutex<u32>,
    requests: mpsc::UnboundedSender<Request>,
    waiting: AsyncMutex<mpsc::UnboundedReceiver<Request>>,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
    batches: Mutex<Vec<Vec<String>>>,
}

impl Shared {
    /// Returns whether to throttle this invocation, and counts it.
    fn throttle(&self) -> bool {
        let mut left = self.throttles.lock().unwrap();
        let throttled = *left > 0;
        *left = left.saturating_sub(1);
        throttled
    }
}

struct Request {
    payload: Bytes,
    answer: oneshot::Sender<Answer>,
}

struct Answer {
    is_error: bool,
    payload: Bytes,
}

impl Lambda {
    pub(crate) async fn start(dialect: Dialect, throttles: u32) -> Self {
        let (requests, waiting) = mpsc::unbounded_channel();
        let state = Arc::new(Shared {
            dialect,
            throttles: Mutex::new(throttles),
            requests,
            waiting: AsyncMutex::new(waiting),
            answer: Mutex::default(),
            batches: Mutex::default(),
        });
        let runtime = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .route(&format!("{runtime}/next"), get(next))
            .route(&format!("{runtime}/{{id}}/{{outcome}}"), post(answered))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, state }
    }

    /// Returns the batches that reached the function, as the names of their items.
    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        self.state.batches.lock().unwrap().clone()
    }
}

async fn invoke(State(state): State<Arc<Shared>>, payload: Bytes) -> Response {
    if state.throttle() {
        let body = r#"{"Type": "User", "message": "Rate exceeded"}"#;
        let error = ("x-amzn-errortype", "TooManyRequestsException");
        return (StatusCode::TOO_MANY_REQUESTS, [error], body).into_response();
    }
    let names = names(&payload);
    state.batches.lock().unwrap().push(names);
    let (answer, answered) = oneshot::channel();
    state
        .requests
        .send(Request { payload, answer })
        .ok()
        .unwrap();
    let Answer { is_error, payload } = answered.await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-requestid", "request-1".parse().unwrap());
    let status = match (is_error, state.dialect) {
        (false, _) => StatusCode::OK,
        (true, Dialect::CargoLambdaWatch) => StatusCode::INTERNAL_SERVER_ERROR,
        (true, Dialect::Aws) => {
            headers.insert("x-amz-function-error", "Unhandled".parse().unwrap());
            StatusCode::OK
        }
    };
    (status, headers, payload).into_response()
}

/// Handles the function's request for its next event.
async fn next(State(state): State<Arc<Shared>>) -> Response {
    let request = state.waiting.lock().await.recv().await.unwrap();
    *state.answer.lock().unwrap() = Some(request.answer);
    let headers = [
        ("lambda-runtime-aws-request-id", "request-1"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:function"),
    ];
    (headers, request.payload).into_response()
}

async fn answered(
    State(state): State<Arc<Shared>>,
    Path((_, outcome)): Path<(String, String)>,
    payload: Bytes,
) -> StatusCode {
    let answer = state.answer.lock().unwrap().take();
    let is_error = outcome == "error";
    if let Some(answer) = answer {
        answer.send(Answer { is_error, payload }).ok();
    }
    StatusCode::ACCEPTED
}

fn names(payload: &[u8]) -> Vec<String> {
    let event: Value = serde_json::from_slice(payload).unwrap();
    let records = event["Records"].as_array().unwrap();
    for record in records {
        let has_source = record["eventSourceARN"].is_string();
        assert!(has_source, "functions distinguish streams by it");
        let time = &record["dynamodb"]["ApproximateCreationDateTime"];
        assert!(
            time.is_f64(),
            "Lambda writes a point or an exponent: {time}"
        );
    }
    records
        .iter()
        .map(|record| {
            record["dynamodb"]["Keys"]["pk"]["S"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}
