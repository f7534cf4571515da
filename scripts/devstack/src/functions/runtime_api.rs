//! Lambda's Runtime API, for one process of a function.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header::HeaderValue,
};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::{error::Error, http_server::HttpServer, process_environment::REGION};

const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";

/// The Runtime API of one process, which polls it for invocations. Like all servers here, it
/// rejects the requests of web pages. Dropping it fails the invocations that are not answered.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::UnboundedSender<Invocation>,
    polls: Arc<Polls>,
    server: JoinHandle<()>,
}

/// A response of the function.
#[derive(Debug)]
pub struct FunctionResponse {
    /// When it arrived.
    pub at: Instant,
    /// The payload, or the function's error.
    pub result: Result<Bytes, Bytes>,
}

/// The function has no process that could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function has ended")]
pub struct FunctionEnded;

#[derive(Debug)]
struct Invocation {
    payload: Bytes,
    /// The value of the trace header.
    trace: Option<HeaderValue>,
    /// Receives the response.
    sender: oneshot::Sender<FunctionResponse>,
}

/// The polls of the process, and the invocations for them.
#[derive(Debug)]
struct Polls {
    /// The name of the function.
    name: String,
    timeout: Duration,
    /// Invocations that the function has not received yet.
    waiting: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    /// Invocations that the function has received, by request id.
    in_flight: SyncMutex<HashMap<String, oneshot::Sender<FunctionResponse>>>,
    /// The time of the first poll.
    first: SyncMutex<Option<Instant>>,
    /// Notifies about the first poll.
    polled: Notify,
}

impl RuntimeApi {
    /// Starts the API on a free port. The function receives its name in an ARN, and
    /// `timeout` as the deadline of each invocation.
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub async fn start(name: impl Into<String>, timeout: Duration) -> Result<Self, Error> {
        let server = HttpServer::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let address = server.endpoint().address();
        let (invocations, waiting) = mpsc::unbounded_channel();
        let polls = Arc::new(Polls {
            name: name.into(),
            timeout,
            waiting: Mutex::new(waiting),
            in_flight: SyncMutex::default(),
            first: SyncMutex::default(),
            polled: Notify::new(),
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
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the first poll of the process, and returns its time.
    pub async fn first_poll(&self) -> Instant {
        loop {
            let polled = self.polls.polled.notified();
            if let Some(first) = *lock(&self.polls.first) {
                return first;
            }
            polled.await;
        }
    }

    /// Invokes the function, and waits for its response. The trace header is passed on.
    ///
    /// # Errors
    ///
    /// If this is dropped meanwhile.
    pub async fn invoke(
        &self,
        payload: Bytes,
        trace: Option<HeaderValue>,
    ) -> Result<FunctionResponse, FunctionEnded> {
        let (sender, response) = oneshot::channel();
        let invocation = Invocation {
            payload,
            trace,
            sender,
        };
        let sent = self.invocations.send(invocation);
        sent.map_err(|_| FunctionEnded)?;
        response.await.map_err(|_| FunctionEnded)
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
        lock(&self.first).get_or_insert_with(Instant::now);
        self.polled.notify_waiters();
        let invocation = loop {
            let Some(invocation) = self.waiting.lock().await.recv().await else {
                return empty(StatusCode::GONE);
            };
            // Otherwise its caller has gone, and would call again.
            if !invocation.sender.is_closed() {
                break invocation;
            }
        };
        let id = Uuid::now_v7().to_string();
        let Some(headers) = self.headers(&id, invocation.trace) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        lock(&self.in_flight).insert(id, invocation.sender);
        let mut response = Response::new(Full::from(invocation.payload));
        *response.headers_mut() = headers;
        response
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
        let at = Instant::now();
        let Some(sender) = lock(&self.in_flight).remove(id) else {
            return empty(StatusCode::NOT_FOUND);
        };
        // If the receiver is gone, the invocation has timed out.
        let _ = sender.send(FunctionResponse { at, result });
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
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_invocation_whose_caller_has_gone_is_skipped() {
        let api = RuntimeApi::start("function", Duration::from_secs(1));
        let api = api.await.unwrap();
        let mut gone = Box::pin(api.invoke(Bytes::from_static(b"gone"), None));
        let mut stays = Box::pin(api.invoke(Bytes::from_static(b"stays"), None));
        for caller in [&mut gone, &mut stays] {
            assert!(caller.now_or_never().is_none());
        }
        drop(gone);

        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = |call: &str| format!("http://{}{INVOCATIONS}{call}", api.address());
        let next = http.get(url("next")).send().await.unwrap();
        let id = &next.headers()["lambda-runtime-aws-request-id"];
        let respond = http.post(url(&format!("{}/response", id.to_str().unwrap())));
        assert_eq!(next.text().await.unwrap(), "stays");
        let responded = respond.body("answered").send().await.unwrap();
        assert_eq!(responded.status(), 202);
        let result = stays.await.unwrap().result;
        assert_eq!(result, Ok(Bytes::from_static(b"answered")));
    }
}
