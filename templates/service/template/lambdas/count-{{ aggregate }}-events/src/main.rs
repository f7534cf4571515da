//! Counts the events of {{ aggregate }}s from its queue, each once.

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use outbox::{inbox::Inbox, settings::variable};
use {{ aggregate }}s::{CONSUMER, EventCounter, counts_key};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let counts_table = variable("COUNTS_TABLE")?;
    let account = variable("EVENT_ACCOUNT")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let inbox = Inbox::new(client, &counts_table, counts_key(), CONSUMER)?;
    let counter = EventCounter::new(inbox, counts_table, account);

    let counter = &counter;
    run(service_fn(move |batch: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(counter.handle_batch(batch.payload).await)
    }))
    .await
}
