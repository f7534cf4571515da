//! An HTTP server on loopback, which web pages can't use.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use crate::{
    endpoint::LocalEndpoint,
    error::Error,
    web_page::{Rejection, rejection},
};

/// How long to wait after a connection could not be accepted.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A server that listens but doesn't answer yet.
pub(crate) struct HttpServer {
    endpoint: LocalEndpoint,
    listener: TcpListener,
}

impl HttpServer {
    /// Listens on this address; port 0 means any free port.
    pub(crate) async fn listen(address: SocketAddr) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await;
        let (listener, address) = listener
            .and_then(|listener| {
                let address = listener.local_addr()?;
                Ok((listener, address))
            })
            .map_err(Error::io(format!("listening on {address}")))?;
        let endpoint = LocalEndpoint::new(address)?;
        Ok(Self { endpoint, listener })
    }

    pub(crate) fn endpoint(&self) -> LocalEndpoint {
        self.endpoint
    }

    /// Answers requests until it is dropped, but rejects those of web pages. If `answer` returns
    /// an error, the connection is closed without a response.
    pub(crate) async fn serve<A, F, E>(self, answer: A)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let answer = answer.clone();
                        let checked = move |request: Request<Incoming>| {
                            let answering = match rejection(request.headers()) {
                                None => Ok(answer(request)),
                                Some(reason) => Err(rejected(reason)),
                            };
                            async move {
                                match answering {
                                    Ok(answering) => answering.await,
                                    Err(response) => Ok(response),
                                }
                            }
                        };
                        connections.spawn(async move {
                            // The client notices a broken connection itself.
                            let _ = http1::Builder::new()
                                .serve_connection(TokioIo::new(stream), service_fn(checked))
                                .await;
                        });
                    }
                    // For example too many open files, which is over when some are closed.
                    Err(_) => sleep(PAUSE_AFTER_FAILURE).await,
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }
}

fn rejected(reason: Rejection) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("rejected: {reason}\n")));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}
