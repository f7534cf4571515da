//! EventBridge and DynamoDB on loopback with a fixed latency: they accept every request,
//! and record it in a ledger.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use miette::{IntoDiagnostic, Result};
use serde_json::json;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use crate::{in_memory::Services, ledger::Ledger};

/// How long the services take to respond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) put_events: Duration,
    pub(crate) dynamodb: Duration,
}

impl Latency {
    pub(crate) const NONE: Self = Self {
        put_events: Duration::ZERO,
        dynamodb: Duration::ZERO,
    };
}

/// The services of one function process.
pub(crate) struct Aws {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    latency: Latency,
    ledger: Mutex<Ledger>,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aws {
    /// Starts the services on a free port.
    pub(crate) async fn start(latency: Latency) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.into_diagnostic()?;
        let address = listener.local_addr().into_diagnostic()?;
        let shared = Arc::new(Shared {
            latency,
            ledger: Mutex::default(),
        });
        let services = Router::new()
            .route("/", post(call))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It serves until the task is aborted.
            let _ = axum::serve(listener, services).await;
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn call(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = Instant::now();
    let target = headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let action = target.and_then(|target| Some(target.split_once('.')?.1));
    let response = serde_json::from_slice(&body)
        .map_err(|error| error.to_string())
        .and_then(|request| shared.ledger().respond(action.unwrap_or_default(), request));
    let latency = match action {
        Some("PutEvents") => shared.latency.put_events,
        _ => shared.latency.dynamodb,
    };
    if !latency.is_zero() {
        sleep_until(begun + latency).await;
    }
    let (status, body) = match response {
        Ok(body) => (StatusCode::OK, body),
        Err(message) => {
            let error = json!({"__type": "ValidationException", "message": message});
            (StatusCode::BAD_REQUEST, error)
        }
    };
    let headers = [
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("x-amzn-requestid", Uuid::new_v4().to_string()),
    ];
    (status, headers, body.to_string()).into_response()
}
