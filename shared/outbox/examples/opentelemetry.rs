//! A command, and the relay of its event, in one trace.
//!
//! The function commits an event and publishes it once its response has been returned. Spans are
//! exported if `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use outbox::{
    AggregateWrite, DomainEvent, KeySchema, Outbox, Traceparent,
    at_once::AfterResponse,
    settings::variable,
    telemetry::{self, Telemetry, Trigger},
};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

#[derive(Deserialize)]
struct OpenTicket {
    id: String,
    title: String,
    /// The caller's position in its trace.
    traceparent: Option<String>,
}

#[derive(Serialize)]
struct Ticket<'t> {
    pk: &'t str,
    title: &'t str,
}

#[derive(Serialize)]
struct TicketOpened<'t> {
    title: &'t str,
}

impl DomainEvent for TicketOpened<'_> {
    fn event_type(&self) -> &str {
        "TicketOpened"
    }
}

async fn open(outbox: &Outbox, tickets: &str, command: &OpenTicket) -> Result<(), Error> {
    let (pk, title) = (&command.id, &command.title);
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create(pk, tickets, key, &Ticket { pk, title });
    let opened = TicketOpened { title };
    outbox.transaction(write).event(&opened).commit().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // In the place of tracing::init_default_subscriber().
    let telemetry = Telemetry::from_environment()?;
    let tickets = variable("ITEMS_TABLE")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let events = aws_sdk_eventbridge::Client::new(&config);
    let after_response = AfterResponse::from_environment(events, dynamodb.clone())?;
    let outbox = Outbox::new(dynamodb, variable("OUTBOX_TABLE")?, "help-desk")?;
    let outbox = outbox.with_hand_over(after_response.hand_over());

    let (outbox, tickets) = (&outbox, &tickets);
    let handler = service_fn(move |event: LambdaEvent<OpenTicket>| async move {
        let command = event.payload;
        let caller = command.traceparent.as_deref().and_then(Traceparent::parse);
        let span = telemetry::request_span("open-ticket", caller.as_ref());
        // Events that are committed within the span are below it.
        let opened = open(outbox, tickets, &command).instrument(span.clone());
        opened
            .await
            .inspect_err(|_| telemetry::fail(&span, "not_opened"))
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    let runtime = runtime.layer(after_response);
    // The last layer, so that it exports the spans of what was published after the response, too.
    runtime.layer(telemetry.layer(Trigger::Other)).run().await
}
