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
    sync::{Mutex, Notify, mpsc, oneshot},
    task::JoinHandle,
};
use uuid::Uuid;

/// What `publish-events` is deployed with.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Hands invocations to the one process that polls it.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    polls: Arc<Polls>,
    server: JoinHandle<()>,
}

/// An answer of the function.
pub(crate) struct Answer {
    pub(crate) at: Instant,
    pub(crate) result: Result<Bytes, Bytes>,
}

struct Invocation {
    payload: Bytes,
    answered: oneshot::Sender<Answer>,
}

struct Polls {
    waiting: Mutex<mpsc::Receiver<Invocation>>,
    under_way: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    first: Mutex<Option<Instant>>,
    polled: Notify,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.into_diagnostic()?;
        let address = listener.local_addr().into_diagnostic()?;
        let (invocations, waiting) = mpsc::channel(1);
        let polls = Arc::new(Polls {
            waiting: Mutex::new(waiting),
            under_way: Mutex::default(),
            first: Mutex::default(),
            polled: Notify::new(),
        });
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&polls));
        let server = tokio::spawn(async move {
            // It ends with the task.
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

    /// When the process first asked for work.
    pub(crate) async fn first_poll(&self) -> Instant {
        loop {
            let polled = self.polls.polled.notified();
            if let Some(first) = *self.polls.first.lock().await {
                return first;
            }
            polled.await;
        }
    }

    /// Hands over a payload, and waits for what the function makes of it.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Answer> {
        let (answered, answer) = oneshot::channel();
        let invocation = Invocation { payload, answered };
        let gone = || miette!("the function is gone");
        let sent = self.invocations.send(invocation).await;
        sent.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(polls): State<Arc<Polls>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    polls.first.lock().await.get_or_insert_with(Instant::now);
    polls.polled.notify_waiters();
    let invocation = polls.waiting.lock().await.recv().await;
    let Invocation { payload, answered } = invocation.ok_or(StatusCode::GONE)?;
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
    polls.under_way.lock().await.insert(id, answered);
    Ok((headers, payload))
}

async fn answer(polls: State<Arc<Polls>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&polls, &id, Ok(body)).await
}

async fn fail(polls: State<Arc<Polls>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&polls, &id, Err(body)).await
}

async fn settle(polls: &Polls, id: &str, result: Result<Bytes, Bytes>) -> StatusCode {
    let at = Instant::now();
    let Some(answered) = polls.under_way.lock().await.remove(id) else {
        return StatusCode::NOT_FOUND;
    };
    // Whoever no longer waits has given up on the round.
    let _ = answered.send(Answer { at, result });
    StatusCode::ACCEPTED
}
