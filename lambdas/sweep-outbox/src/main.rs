//! The sweeper: publishes old events that the relay has not published.

use std::{
    env::VarError,
    io::stdout,
    time::{Duration, SystemTime},
};

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use outbox::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{CutShort, DEFAULT_GRACE, Metrics, Sweeper},
    relay::Relay,
};
use serde::de::IgnoredAny;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let outbox_table = variable("OUTBOX_TABLE")?;
    let event_bus = variable("EVENT_BUS_NAME")?;
    let dead_letter_queue = variable("DEAD_LETTER_QUEUE_URL")?;
    let sources = list("EVENT_SOURCES")?;
    let grace = seconds("GRACE_PERIOD_SECONDS")?.map_or(Ok(DEFAULT_GRACE), TryInto::try_into)?;

    let metrics = Metrics::of(&outbox_table);
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let relay = Relay::new(
        EventBridgeBus::new(aws_sdk_eventbridge::Client::new(&config), event_bus),
        DynamoDbTable::new(aws_sdk_dynamodb::Client::new(&config), outbox_table),
        SqsQueue::new(aws_sdk_sqs::Client::new(&config), dead_letter_queue),
    );
    let sweeper = Sweeper::new(relay.with_sources(sources), grace);

    let (sweeper, metrics) = (&sweeper, &metrics);
    run(service_fn(
        move |event: LambdaEvent<IgnoredAny>| async move {
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
        },
    ))
    .await
}

fn time_until(deadline: SystemTime) -> Duration {
    deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}

/// Returns the texts of a variable, which are separated by commas.
fn list(name: &str) -> Result<Vec<String>, Error> {
    let texts: Vec<String> = variable(name)?.split(',').map(str::to_owned).collect();
    match texts
        .iter()
        .find(|text| text.trim().is_empty() || text.trim() != text.as_str())
    {
        None => Ok(texts),
        Some(text) => {
            Err(format!("environment variable {name} has the invalid part {text:?}").into())
        }
    }
}

fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("environment variable {name} is not set").into())
}

/// Returns a variable's number of seconds, or `None` if it is not set.
fn seconds(name: &str) -> Result<Option<Duration>, Error> {
    let value = match std::env::var(name) {
        Ok(value) => value,
        Err(VarError::NotPresent) => return Ok(None),
        Err(error) => return Err(format!("environment variable {name}: {error}").into()),
    };
    match value.parse::<u32>() {
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds.into()))),
        Err(_) => {
            Err(format!("environment variable {name} is no number of seconds: {value}").into())
        }
    }
}
