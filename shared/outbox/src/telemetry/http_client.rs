//! The exporter's HTTP client: that of the AWS SDK, which each function contains already.

use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{runtime::Handle, time::timeout};

/// How long a request may take. It is the time that an invocation waits for at most, and so the
/// exporter's own `OTEL_EXPORTER_OTLP_TIMEOUT` doesn't count.
pub(super) const MOST_TIME: Duration = Duration::from_secs(2);

/// The most bytes of a response: a collector says how many spans it has rejected, and why.
const MOST_BYTES: usize = 64 * 1024;

/// Sends the exporter's requests.
#[derive(Debug)]
pub(super) struct SdkHttpClient {
    connector: SharedHttpConnector,
    /// Where requests are sent. The exporter calls from a thread that has no runtime.
    runtime: Handle,
}

impl SdkHttpClient {
    pub(super) fn new(runtime: Handle) -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let connector = Connector::builder().tls_provider(tls).build();
        Self {
            connector: SharedHttpConnector::new(connector),
            runtime,
        }
    }
}

#[async_trait]
impl HttpClient for SdkHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let connector = self.connector.clone();
        let request = HttpRequest::try_from(request.map(SdkBody::from))?;
        let exchange = async { timeout(MOST_TIME, exchange(connector, request)).await };
        self.runtime.spawn(exchange).await??
    }
}

async fn exchange(
    connector: SharedHttpConnector,
    request: HttpRequest,
) -> Result<Response<Bytes>, HttpError> {
    let response = connector.call(request).await?.try_into_http1x()?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}
