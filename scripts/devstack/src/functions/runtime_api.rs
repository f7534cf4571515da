//! Lambda's Runtime API, for one process of a function.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header::HeaderValue,
};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::{error::Error, http_server::HttpServer, process_environment::REGION};

const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";

/// The Runtime API of one process, which polls it for one invocation after the other. Like all
/// servers here, it rejects the requests of web pages.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::UnboundedSender<Waiting>,
    polls: Arc<Polls>,
    server: JoinHandle<()>,
}

/// What a function is invoked with.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) payload: Bytes,
    /// The value of the trace header.
    pub(super) trace: Option<HeaderValue>,
}

/// The payload of a function's response, or the function's error.
pub(super) type FunctionResponse = Result<Bytes, Bytes>;

/// The function has no process that could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function has ended")]
pub(super) struct FunctionEnded;

/// An invocation that the process has not received yet.
#[derive(Debug)]
struct Waiting {
    invocation: Invocation,
    /// Receives the response.
    sender: oneshot::Sender<FunctionResponse>,
}

/// The polls of the process, and the invocations for them.
#[derive(Debug)]
struct Polls {
    /// The name of the function.
    name: String,
    timeout: Duration,
    waiting: Mutex<mpsc::UnboundedReceiver<Waiting>>,
    /// Invocations that the process has received, by request id.
    in_flight: SyncMutex<HashMap<String, oneshot::Sender<FunctionResponse>>>,
    /// Whether the process has polled since it received its last invocation.
    is_idle: watch::Sender<bool>,
}

impl RuntimeApi {
    /// Starts the API on a free port. The function receives its name in an ARN, and
    /// `timeout` as the deadline of each invocation.
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub(super) async fn start(name: impl Into<String>, timeout: Duration) -> Result<Self, Error> {
        let server = HttpServer::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let address = server.endpoint().address();
        let (invocations, waiting) = mpsc::unbounded_channel();
        let polls = Arc::new(Polls {
            name: name.into(),
            timeout,
            waiting: Mutex::new(waiting),
            in_flight: SyncMutex::default(),
            is_idle: watch::Sender::new(false),
        });
        let api = Arc::clone(&polls);
        let server = tokio::spawn(server.serve(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        }));
        Ok(Self {
            address,
            invocations,
            polls,
            server,
        })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Invokes the function, and waits for its response. If this is dropped before the process
    /// has received the invocation, it never does.
    ///
    /// # Errors
    ///
    /// If the invocation can't be passed to the process.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
    ) -> Result<FunctionResponse, FunctionEnded> {
        let (sender, response) = oneshot::channel();
        let sent = self.invocations.send(Waiting { invocation, sender });
        sent.map_err(|_| FunctionEnded)?;
        response.await.map_err(|_| FunctionEnded)
    }

    /// Waits until the process polls for its next invocation: after its response, or after
    /// [`invoke`](Self::invoke) was dropped.
    pub(super) async fn idle(&self) {
        let mut is_idle = self.polls.is_idle.subscribe();
        // Fails only if the sender is gone, which is kept here.
        let _ = is_idle.wait_for(|is_idle| *is_idle).await;
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Polls {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let Some(call) = parts.uri.path().strip_prefix(INVOCATIONS) else {
            return empty(StatusCode::NOT_FOUND);
        };
        match (parts.method, call.split_once('/')) {
            (Method::GET, None) if call == "next" => self.next().await,
            (Method::POST, Some((id, result @ ("response" | "error")))) => {
                // The function has ended while it sent the body.
                let Ok(body) = body.collect().await else {
                    return empty(StatusCode::BAD_REQUEST);
                };
                let body = body.to_bytes();
                let is_error = result == "error";
                self.settle(id, if is_error { Err(body) } else { Ok(body) })
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.is_idle.send_replace(true);
        let Waiting { invocation, sender } = loop {
            let Some(waiting) = self.waiting.lock().await.recv().await else {
                return empty(StatusCode::GONE);
            };
            if self.begins(&waiting) {
                break waiting;
            }
        };
        let id = Uuid::now_v7().to_string();
        let Some(headers) = self.headers(&id, invocation.trace) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        lock(&self.in_flight).insert(id, sender);
        let mut response = Response::new(Full::from(invocation.payload));
        *response.headers_mut() = headers;
        response
    }

    /// Returns whether the process receives an invocation, and is no longer idle then. It doesn't
    /// receive one whose caller has gone, and would call again.
    fn begins(&self, waiting: &Waiting) -> bool {
        // In one step: if the caller goes at this moment, the process is busy with its
        // invocation, or idle and never receives it.
        self.is_idle.send_if_modified(|is_idle| {
            *is_idle = waiting.sender.is_closed();
            !*is_idle
        })
    }

    /// Returns the headers of an invocation; `None` if the function's name is not valid in a
    /// header.
    fn headers(&self, id: &str, trace: Option<HeaderValue>) -> Option<HeaderMap> {
        let timeout = SignedDuration::try_from(self.timeout).ok()?;
        let deadline = Timestamp::now().checked_add(timeout).ok()?;
        let arn = format!(
            "arn:aws:lambda:{REGION}:000000000000:function:{}",
            self.name
        );
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id),
            (
                "lambda-runtime-deadline-ms",
                &deadline.as_millisecond().to_string(),
            ),
            ("lambda-runtime-invoked-function-arn", &arn),
        ] {
            headers.insert(name, HeaderValue::from_str(value).ok()?);
        }
        if let Some(trace) = trace {
            headers.insert("lambda-runtime-trace-id", trace);
        }
        Some(headers)
    }

    fn settle(&self, id: &str, result: Result<Bytes, Bytes>) -> Response<Full<Bytes>> {
        let Some(sender) = lock(&self.in_flight).remove(id) else {
            return empty(StatusCode::NOT_FOUND);
        };
        // If the receiver is gone, the invocation has timed out.
        let _ = sender.send(result);
        empty(StatusCode::ACCEPTED)
    }
}

fn lock<T>(mutex: &SyncMutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;
    use reqwest::StatusCode;

    use super::*;

    /// A process that polls.
    struct Process {
        http: reqwest::Client,
        address: SocketAddr,
    }

    impl Process {
        fn of(api: &RuntimeApi) -> Self {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let address = api.address();
            Self { http, address }
        }

        fn url(&self, call: &str) -> String {
            format!("http://{}{INVOCATIONS}{call}", self.address)
        }

        /// Polls, and returns the id and the payload of the next invocation.
        async fn next(&self) -> (String, String) {
            let next = self.http.get(self.url("next")).send().await.unwrap();
            let id = next.headers()["lambda-runtime-aws-request-id"].to_str();
            (id.unwrap().to_owned(), next.text().await.unwrap())
        }

        async fn respond(&self, id: &str) {
            let respond = self.http.post(self.url(&format!("{id}/response")));
            let responded = respond.body("answered").send().await.unwrap();
            assert_eq!(responded.status(), StatusCode::ACCEPTED);
        }
    }

    async fn api() -> RuntimeApi {
        let api = RuntimeApi::start("function", Duration::from_secs(1));
        api.await.unwrap()
    }

    fn invocation(payload: &'static str) -> Invocation {
        Invocation {
            payload: Bytes::from_static(payload.as_bytes()),
            trace: None,
        }
    }

    #[tokio::test]
    async fn an_invocation_whose_caller_has_gone_is_skipped() {
        let api = api().await;
        let mut gone = Box::pin(api.invoke(invocation("gone")));
        let mut stays = Box::pin(api.invoke(invocation("stays")));
        for caller in [&mut gone, &mut stays] {
            assert!(caller.now_or_never().is_none());
        }
        drop(gone);

        let process = Process::of(&api);
        let (id, payload) = process.next().await;
        assert_eq!(payload, "stays");
        process.respond(&id).await;
        let response = stays.await.unwrap();
        assert_eq!(response, Ok(Bytes::from_static(b"answered")));
    }

    #[tokio::test]
    async fn a_process_is_idle_when_it_polls_and_not_when_it_responds() {
        let api = api().await;
        let process = Process::of(&api);
        assert!(api.idle().now_or_never().is_none());

        let mut invoked = pin!(api.invoke(invocation("first")));
        assert!((&mut invoked).now_or_never().is_none());
        let (id, _) = process.next().await;
        assert!(api.idle().now_or_never().is_none());
        process.respond(&id).await;
        invoked.await.unwrap().unwrap();
        assert!(api.idle().now_or_never().is_none());

        let mut next = pin!(process.next());
        tokio::select! {
            () = api.idle() => {}
            next = &mut next => panic!("{next:?}"),
        }
        let mut second = Box::pin(api.invoke(invocation("second")));
        assert!((&mut second).now_or_never().is_none());
        let (_, payload) = next.await;
        assert_eq!(payload, "second");
        // Its caller goes, and the process is still at work.
        drop(second);
        assert!(api.idle().now_or_never().is_none());
    }
}
