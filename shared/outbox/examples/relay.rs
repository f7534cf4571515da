//! The function behind the outbox table's stream: publishes its rows.
//!
//! The event source mapping needs `ReportBatchItemFailures`; the function's role
//! needs to read the stream (`AWSLambdaDynamoDBExecutionRole`), and
//! `dynamodb:BatchGetItem`, `BatchWriteItem`, `Query`, `Scan` and `UpdateItem` on the table,
//! `events:PutEvents` and `DescribeEventBus` on the bus, and `sqs:SendMessage` on
//! the dead-letter queue.

use std::time::SystemTime;

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use outbox::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{StreamEvent, StreamHandler},
    relay::Relay,
};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let bus = aws_sdk_eventbridge::Client::new(&config);
    let table = aws_sdk_dynamodb::Client::new(&config);
    let queue = aws_sdk_sqs::Client::new(&config);
    let handler = StreamHandler::new(Relay::new(
        EventBridgeBus::new(bus, std::env::var("EVENT_BUS_NAME")?),
        DynamoDbTable::new(table, std::env::var("OUTBOX_TABLE")?),
        SqsQueue::new(queue, std::env::var("DEAD_LETTER_QUEUE_URL")?),
    ));

    let handler = &handler;
    run(service_fn(
        move |event: LambdaEvent<StreamEvent>| async move {
            let left = event.context.deadline().duration_since(SystemTime::now());
            let deadline = Instant::now() + left.unwrap_or_default();
            let relayed = handler.handle(event.payload, deadline).await;
            // Says from which sequence number on Lambda has to retry.
            Ok::<_, Error>(relayed.response)
        },
    ))
    .await
}
