//! DynamoDB as the AWS SDK sees it, answered in process: nothing goes over a
//! network.

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig,
        http::{HttpRequest, HttpResponse},
        retry::RetryConfig,
    },
};
use aws_smithy_runtime_api::{
    client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

/// What answers a call, by the operation's name and the request's body.
type Answer = dyn Fn(&str, &[u8]) -> (u16, Vec<u8>) + Send + Sync;

#[derive(Clone)]
struct Connector(Arc<Answer>);

/// A client whose calls are answered by this function.
pub(crate) fn client(
    answer: impl Fn(&str, &[u8]) -> (u16, Vec<u8>) + Send + Sync + 'static,
) -> Client {
    let connector = SharedHttpConnector::new(Connector(Arc::new(answer)));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url("http://nowhere")
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, answer) = (self.0)(operation, body);
        let status = StatusCode::try_from(status).expect("a status of HTTP");
        let response = HttpResponse::new(status, SdkBody::from(answer));
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
