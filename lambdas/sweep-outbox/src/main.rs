//! The sweeper: publishes old events that the relay has not published.

use std::{
    io::stdout,
    time::{Duration, SystemTime},
};

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn, tracing};
use mimalloc::MiMalloc;
use outbox::{
    handlers::{CutShort, Metrics, Sweeper},
    settings::{RelaySettings, grace_from_environment},
    telemetry::{Telemetry, Trigger},
};
use serde::de::IgnoredAny;
use tokio::time::Instant;

/// The same as in `publish-events`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let settings = RelaySettings::from_environment()?;
    let grace = grace_from_environment()?;
    let metrics = Metrics::of(&settings.outbox_table);
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let relay = settings.relay(
        aws_sdk_eventbridge::Client::new(&config),
        aws_sdk_dynamodb::Client::new(&config),
        aws_sdk_sqs::Client::new(&config),
    );
    let sweeper = Sweeper::new(relay, grace);

    let (sweeper, metrics) = (&sweeper, &metrics);
    let handler = service_fn(move |event: LambdaEvent<IgnoredAny>| async move {
        let deadline = Instant::now() + time_until(event.context.deadline());
        let report = sweeper.sweep(deadline).await;
        let request_id = &event.context.request_id;
        if let Err(error) = metrics.write_sweep(&mut stdout().lock(), &report, request_id) {
            tracing::error!(%error, "the metrics could not be written");
        }
        // The runtime returns an error to Lambda but doesn't log it.
        if let Some(reason) = &report.cut_short {
            tracing::error!(%reason, "the table was not read to its end");
        }
        match report.cut_short {
            // No error: the next sweep begins where this one stopped.
            None | Some(CutShort::OutOfTime) => Ok(()),
            Some(reason) => Err(Error::from(reason)),
        }
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::Timer)).run().await
}

fn time_until(deadline: SystemTime) -> Duration {
    deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}
