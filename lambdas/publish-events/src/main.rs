//! The relay: publishes the events of the outbox table's stream to the event bus.

use std::{
    io::stdout,
    time::{Duration, SystemTime},
};

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use outbox::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{Metrics, StreamEvent, StreamHandler},
    relay::Relay,
};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let outbox_table = variable("OUTBOX_TABLE")?;
    let event_bus = variable("EVENT_BUS_NAME")?;
    let dead_letter_queue = variable("DEAD_LETTER_QUEUE_URL")?;
    let sources = list("EVENT_SOURCES")?;

    let metrics = Metrics::of(&outbox_table);
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let relay = Relay::new(
        EventBridgeBus::new(aws_sdk_eventbridge::Client::new(&config), event_bus),
        DynamoDbTable::new(aws_sdk_dynamodb::Client::new(&config), outbox_table),
        SqsQueue::new(aws_sdk_sqs::Client::new(&config), dead_letter_queue),
    );
    let handler = StreamHandler::new(relay.with_sources(sources));

    let (handler, metrics) = (&handler, &metrics);
    run(service_fn(
        move |event: LambdaEvent<StreamEvent>| async move {
            let deadline = Instant::now() + time_until(event.context.deadline());
            let report = handler.handle(event.payload, deadline).await;
            let request_id = &event.context.request_id;
            if let Err(error) =
                metrics.write_batch(&mut stdout().lock(), &report.counts, request_id)
            {
                tracing::error!(%error, "the metrics could not be written");
            }
            Ok::<_, Error>(report.response)
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
