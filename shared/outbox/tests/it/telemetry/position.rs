//! The position of events that are committed within a span.

use lambda_runtime::tracing::subscriber::{layer::SubscriberExt, registry};
use opentelemetry_sdk::trace::SdkTracerProvider;
use outbox::{
    AggregateWrite, CloudEvent, CommitError, DomainEvent, KeySchema, Traceparent, Transaction,
    telemetry::{Telemetry, request_span},
};
use outbox_testing::{Fault, InMemoryAws, Operation};
use serde::Serialize;
use serde_json::json;
use tracing::{Instrument, subscriber::DefaultGuard};

#[derive(Serialize)]
struct Opened;

impl DomainEvent for Opened {
    fn event_type(&self) -> &str {
        "Opened"
    }
}

/// Returns AWS with a table, and what keeps telemetry on.
fn traced() -> (DefaultGuard, InMemoryAws) {
    let telemetry = Telemetry::of(SdkTracerProvider::builder().build());
    let subscriber = registry().with(telemetry.subscriber_layer());
    let tracing = tracing::subscriber::set_default(subscriber);
    let aws = InMemoryAws::new();
    aws.create_table("accounts", KeySchema::partition_key("pk"));
    (tracing, aws)
}

fn transaction(aws: &InMemoryAws, account: &str) -> Transaction {
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create(account, "accounts", key, &json!({"pk": account}));
    let outbox = aws.outbox("accounts").unwrap();
    outbox.transaction(write).event(&Opened)
}

/// DynamoDB rejects a token that comes with another content, and so an attempt that differs from
/// one that was written without a response.
#[tokio::test]
async fn each_attempt_writes_the_position_of_the_first() {
    let (_tracing, aws) = traced();
    let [first, second] = ["first", "second"].map(|name| request_span(name, None));

    let retried = transaction(&aws, "retried");
    aws.fail_next(Operation::TransactWriteItems, Fault::denied());
    let denied = retried.clone().commit().instrument(first.clone()).await;
    assert!(matches!(denied, Err(CommitError::Refused { .. })));
    retried.commit().instrument(second.clone()).await.unwrap();
    for (account, span) in [("of-first", first), ("of-second", second)] {
        let transaction = transaction(&aws, account);
        transaction.commit().instrument(span).await.unwrap();
    }

    let events: Vec<CloudEvent> = aws.appended();
    let positions: Vec<_> = events.iter().map(|event| &event.traceparent).collect();
    assert!(positions[0].is_some());
    assert_eq!(positions[0], positions[1]);
    assert_ne!(positions[0], positions[2]);
}

#[tokio::test]
async fn a_position_in_another_trace_is_kept() {
    let (_tracing, aws) = traced();
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let transaction = transaction(&aws, "a").trace_header(header);
    let span = request_span("command", None);
    transaction.commit().instrument(span).await.unwrap();
    let expected = Traceparent::from_x_ray(header);
    assert_eq!(aws.appended()[0].traceparent, expected);
}
