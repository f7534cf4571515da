//! The server behind a proxy.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    http::{request, uri::PathAndQuery},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::endpoint::LocalEndpoint;

/// A client of an HTTP server on this machine. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    endpoint: LocalEndpoint,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Upstream {
    pub(crate) fn new(endpoint: LocalEndpoint) -> Self {
        Self {
            endpoint,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Forwards a request, and returns the whole response.
    pub(crate) async fn send(
        &self,
        mut parts: request::Parts,
        body: Bytes,
    ) -> io::Result<Response<Full<Bytes>>> {
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        parts.uri = format!("{}{path}", self.endpoint)
            .parse::<Uri>()
            .map_err(io::Error::other)?;
        // Bodies are forwarded as a whole, so the headers about their transfer don't apply.
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        let request = Request::from_parts(parts, Full::from(body));
        let answer = self.client.request(request).await;
        let (mut parts, body) = answer.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, Full::from(body)))
    }
}
