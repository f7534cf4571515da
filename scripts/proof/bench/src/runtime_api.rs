//! Lambda's Runtime API, for one function process.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    routing::{get, post},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic, Result, miette};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
};
use uuid::Uuid;

/// The timeout of the deployed `publish-events`.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// The Runtime API of one process, which polls it for invocations.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    polls: Arc<Polls>,
    server: JoinHandle<()>,
}

/// A response of the function.
pub(crate) struct Response {
    pub(crate) at: Instant,
    /// The body, or the function's error.
    pub(crate) result: Result<Bytes, Bytes>,
}

struct Invocation {
    payload: Bytes,
    /// Receives the response.
    sender: oneshot::Sender<Response>,
}

/// The polls of the process, and the invocations for them.
struct Polls {
    /// Invocations that the function has not received yet.
    waiting: Mutex<mpsc::Receiver<Invocation>>,
    /// Invocations that the function has received, by request id.
    in_flight: Mutex<HashMap<String, oneshot::Sender<Response>>>,
    /// The time of the last poll.
    last: watch::Sender<Option<Instant>>,
}

impl RuntimeApi {
    /// Starts the API on a free port.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.into_diagnostic()?;
        let address = listener.local_addr().into_diagnostic()?;
        let (invocations, waiting) = mpsc::channel(1);
        let polls = Arc::new(Polls {
            waiting: Mutex::new(waiting),
            in_flight: Mutex::default(),
            last: watch::Sender::new(None),
        });
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(succeed),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&polls));
        let server = tokio::spawn(async move {
            // It serves until the task is aborted.
            let _ = axum::serve(listener, api).await;
        });
        Ok(Self {
            address,
            invocations,
            polls,
            server,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process has polled after this time, and returns when it did.
    pub(crate) async fn next_poll(&self, after: Instant) -> Instant {
        let is_later = |last: &Option<Instant>| last.is_some_and(|last| last > after);
        let mut last = self.polls.last.subscribe();
        // It fails only if the sender is gone, which is kept here, and it ends with a time only. So
        // the default is never taken.
        let last = last.wait_for(is_later).await;
        last.ok().and_then(|last| *last).unwrap_or(after)
    }

    /// Invokes the function, and waits for its response.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Response> {
        let (sender, response) = oneshot::channel();
        let invocation = Invocation { payload, sender };
        let ended = || miette!("the function has ended");
        let sent = self.invocations.send(invocation).await;
        sent.map_err(|_| ended())?;
        response.await.map_err(|_| ended())
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(polls): State<Arc<Polls>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    polls.last.send_replace(Some(Instant::now()));
    let invocation = polls.waiting.lock().await.recv().await;
    let Invocation { payload, sender } = invocation.ok_or(StatusCode::GONE)?;
    let id = Uuid::new_v4().to_string();
    let deadline = (Timestamp::now() + TIMEOUT).as_millisecond();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", &deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:measured",
        ),
    ] {
        let value = HeaderValue::from_str(value);
        headers.insert(name, value.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?);
    }
    polls.in_flight.lock().await.insert(id, sender);
    Ok((headers, payload))
}

async fn succeed(polls: State<Arc<Polls>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&polls, &id, Ok(body)).await
}

async fn fail(polls: State<Arc<Polls>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&polls, &id, Err(body)).await
}

async fn settle(polls: &Polls, id: &str, result: Result<Bytes, Bytes>) -> StatusCode {
    let at = Instant::now();
    let Some(sender) = polls.in_flight.lock().await.remove(id) else {
        return StatusCode::NOT_FOUND;
    };
    // If the receiver is gone, the invocation has timed out.
    let _ = sender.send(Response { at, result });
    StatusCode::ACCEPTED
}
