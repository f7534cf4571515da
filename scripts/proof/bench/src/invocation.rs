//! Invocations in this process, to count their instructions. The AWS SDK's requests are
//! answered from memory, so that only the work of the processor counts.

use std::{
    sync::{Arc, Mutex},
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
use clap::ValueEnum;
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, bail};
use outbox::{
    Clock,
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{StreamEvent, StreamHandler},
    relay::Relay,
};
use tokio::time::Instant;

use crate::{
    batch::{Age, Batch, Shape},
    commit,
    ledger::Ledger,
};

/// The size of the batch.
const SHAPE: Shape = Shape {
    events: 100,
    aggregates: 20,
};

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

/// The code that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// The relay, with a batch of 100 fresh events.
    Relay,
    /// `create-order`, with one order.
    CreateOrder,
}

/// Runs the code this many times.
pub(crate) fn invoke(work: Work, times: usize) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        match work {
            Work::Relay => relay(times).await,
            Work::CreateOrder => create_orders(times).await,
        }
    })
}

async fn relay(times: usize) -> Result<()> {
    let services = InMemory::default();
    let handler = handler(&services);
    // All invocations share one batch, so that its creation hardly counts.
    let batch = Batch::new(SHAPE, Age::Fresh);
    for _ in 0..times {
        services.with(|ledger| ledger.begin(batch.rows.iter().cloned()));
        let event: StreamEvent = serde_json::from_slice(&batch.payload).into_diagnostic()?;
        let deadline = Instant::now() + Duration::from_mins(1);
        let result = handler.handle(event, deadline).await;
        if result.counts.published != SHAPE.events {
            bail!("not every event was published: {:?}", result.counts);
        }
    }
    Ok(())
}

async fn create_orders(times: usize) -> Result<()> {
    let services = InMemory::default();
    let service = commit::service(&client!(aws_sdk_dynamodb, services))?;
    for _ in 0..times {
        commit::create(&service, commit::request()?).await?;
    }
    Ok(())
}

fn handler(services: &InMemory) -> StreamHandler<EventBridgeBus, DynamoDbTable, SqsQueue> {
    let relay = Relay::new(
        EventBridgeBus::new(client!(aws_sdk_eventbridge, services), "orders"),
        DynamoDbTable::new(client!(aws_sdk_dynamodb, services), "outbox"),
        SqsQueue::new(
            client!(aws_sdk_sqs, services),
            "http://127.0.0.1:9/dead-letters",
        ),
    );
    // The clock stands still: under callgrind, the records would become old.
    let clock = Stopped(Timestamp::now());
    StreamHandler::new(relay.with_time_and_chance(Arc::new(clock), fastrand::Rng::with_seed(7)))
}

/// A clock that stands still.
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The services in memory, which respond at once.
#[derive(Debug, Clone, Default)]
struct InMemory(Arc<Mutex<Ledger>>);

impl InMemory {
    fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        act(&mut self
            .0
            .lock()
            .expect("no thread panics while it holds the lock"))
    }
}

impl HttpConnector for InMemory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let action = request.headers().get("x-amz-target").unwrap_or_default();
        let action = action.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let response = serde_json::from_slice(body)
            .map_err(|error| error.to_string())
            .and_then(|body| self.with(|ledger| ledger.respond(action, body)));
        let status = StatusCode::try_from(200).expect("a status code");
        HttpConnectorFuture::ready(match response {
            Ok(body) => Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))),
            Err(message) => Err(ConnectorError::user(message.into())),
        })
    }
}

impl HttpClient for InMemory {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
