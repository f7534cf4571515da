//! `{"find": {"id": "1"}}` returns a {{ aggregate }}, or null. `"counts"` returns how often each event
//! has happened.

use aws_config::BehaviorVersion;
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use outbox::{
    settings::variable,
    telemetry::{Telemetry, Trigger},
};
use serde::{Deserialize, Serialize};
use {{ aggregate }}s::{Counts, {{ aggregate | capitalize }}, read_counts, {{ aggregate }}_table};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Query {
    Find { id: String },
    Counts,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    {{ aggregate | capitalize }}(Option<{{ aggregate | capitalize }}>),
    Counts(Counts),
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let table = variable("{{ aggregate | upcase }}S_TABLE")?;
    let counts_table = variable("COUNTS_TABLE")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let {{ aggregate }}s = {{ aggregate }}_table(client.clone(), table);

    let ({{ aggregate }}s, client, counts_table) = (&{{ aggregate }}s, &client, &counts_table);
    let handler = service_fn(move |event: LambdaEvent<Query>| async move {
        let found = match event.payload {
            Query::Find { id } => {
                let found = {{ aggregate }}s.find(&{{ aggregate | capitalize }}::aggregate_id_of(&id)).await?;
                Found::{{ aggregate | capitalize }}(found.map(|found| found.state))
            }
            Query::Counts => Found::Counts(read_counts(client, counts_table).await?),
        };
        Ok::<_, Error>(found)
    });
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::Other)).run().await
}
