//! `{"create": {"id": "1", "title": "The first"}}` or `{"complete": {"id": "1"}}`. Returns the
//! {{ aggregate }}.

use aws_config::BehaviorVersion;
use lambda_runtime::{
    Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn, tracing::Instrument,
};
use outbox::{
    Outbox,
    settings::variable,
    telemetry::{self, Telemetry, Trigger},
};
use serde::Deserialize;
use {{ aggregate }}s::{SOURCE, {{ aggregate | capitalize }}s};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Command {
    Create { id: String, title: String },
    Complete { id: String },
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let table = variable("{{ aggregate | upcase }}S_TABLE")?;
    let outbox_table = variable("OUTBOX_TABLE")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let outbox = Outbox::new(client.clone(), outbox_table, SOURCE)?;
    let {{ aggregate }}s = {{ aggregate | capitalize }}s::new(client, table, outbox);

    let {{ aggregate }}s = &{{ aggregate }}s;
    let handler = service_fn(move |event: LambdaEvent<Command>| async move {
        // With OpenTelemetry, the events are below this span.
        let span = telemetry::request_span("change-{{ aggregate }}", None);
        let changed = async {
            match event.payload {
                Command::Create { id, title } => {{ aggregate }}s.create(id, title).await,
                Command::Complete { id } => {{ aggregate }}s.complete(&id).await,
            }
        };
        let changed = changed.instrument(span.clone()).await;
        Ok::<_, Error>(changed.inspect_err(|_| telemetry::fail(&span, "not_changed"))?)
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::Other)).run().await
}
