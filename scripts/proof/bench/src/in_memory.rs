//! Services for the AWS SDK in this process: no network, so that only the work of the library
//! and the SDK counts, and latency where it is asked for.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use outbox::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    relay::Relay,
};
use serde_json::Value;
use tokio::time::sleep;

/// What the services contain, and how they respond.
pub(crate) trait Services: Debug + Send + 'static {
    /// Executes a request, and returns the response or an error message.
    fn respond(&mut self, action: &str, request: Value) -> Result<Value, String>;

    /// Returns how long the response to a request takes.
    fn latency(&self, _action: &str) -> Duration {
        Duration::ZERO
    }
}

/// Services in memory. Clones share them.
#[derive(Debug)]
pub(crate) struct InMemory<S>(Arc<Mutex<S>>);

impl<S> Clone for InMemory<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

macro_rules! client {
    ($sdk:ident, $services:expr) => {{
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("eu-central-1"))
            .credentials_provider($sdk::config::Credentials::new(
                "test", "test", None, None, "bench",
            ))
            .http_client($services.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

impl<S: Services> InMemory<S> {
    pub(crate) fn new(services: S) -> Self {
        Self(Arc::new(Mutex::new(services)))
    }

    pub(crate) fn services(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(aws_sdk_dynamodb, self)
    }

    /// Returns a relay that calls these services.
    pub(crate) fn relay(&self) -> Relay<EventBridgeBus, DynamoDbTable, SqsQueue> {
        Relay::new(
            EventBridgeBus::new(client!(aws_sdk_eventbridge, self), "orders"),
            DynamoDbTable::new(self.dynamodb(), "outbox"),
            SqsQueue::new(
                client!(aws_sdk_sqs, self),
                "http://127.0.0.1:9/dead-letters",
            ),
        )
    }
}

impl<S: Services> HttpConnector for InMemory<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let action = request.headers().get("x-amz-target").unwrap_or_default();
        let action = action.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let response = serde_json::from_slice(body)
            .map_err(|error| error.to_string())
            .and_then(|body| self.services().respond(action, body));
        let response = to_http(response);
        let latency = self.services().latency(action);
        if latency.is_zero() {
            return HttpConnectorFuture::ready(response);
        }
        HttpConnectorFuture::new(async move {
            sleep(latency).await;
            response
        })
    }
}

fn to_http(response: Result<Value, String>) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(200).expect("a status code");
    match response {
        Ok(body) => Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))),
        Err(message) => Err(ConnectorError::user(message.into())),
    }
}

impl<S: Services> HttpClient for InMemory<S> {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
