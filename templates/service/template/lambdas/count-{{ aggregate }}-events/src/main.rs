//! Counts the events of {{ aggregate }}s from its queue, each once.

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use outbox::{
    inbox::Inbox,
    settings::variable,
    telemetry::{Telemetry, Trigger},
};
use {{ aggregate }}s::{CONSUMER, EventCounter, counts_key};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let counts_table = variable("COUNTS_TABLE")?;
    let account = variable("EVENT_ACCOUNT")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let inbox = Inbox::new(client, &counts_table, counts_key(), CONSUMER)?;
    let counter = EventCounter::new(inbox, counts_table, account);

    let counter = &counter;
    let handler = service_fn(move |batch: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(counter.handle_batch(batch.payload).await)
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::PubSub)).run().await
}
