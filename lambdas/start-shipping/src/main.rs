//! Shipping: handles the orders' events from its queue, each once.

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use outbox::{
    settings::variable,
    telemetry::{Telemetry, Trigger},
};
use shipping::{DeadLetters, ShipmentStore, Shipping};
use tokio::time::Instant;

/// The time limit if the invocation's deadline is unknown.
const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let shipments_table = variable("SHIPMENTS_TABLE")?;
    let event_account = variable("EVENT_ACCOUNT")?;
    let dead_letter_queue = variable("DEAD_LETTER_QUEUE_URL")?;

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = ShipmentStore::new(aws_sdk_dynamodb::Client::new(&config), shipments_table)?;
    let dead_letters = DeadLetters::new(aws_sdk_sqs::Client::new(&config), dead_letter_queue);
    let shipping = Shipping::new(store, event_account, dead_letters);

    let shipping = &shipping;
    let handler = service_fn(move |batch: LambdaEvent<SqsEvent>| async move {
        let left = batch.context.deadline().duration_since(SystemTime::now());
        // `cargo lambda watch` sends a deadline in the past: it is treated as unknown.
        let deadline = Instant::now() + left.unwrap_or(TIMEOUT);
        Ok::<_, Error>(shipping.handle_batch(batch.payload, deadline).await)
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::PubSub)).run().await
}
