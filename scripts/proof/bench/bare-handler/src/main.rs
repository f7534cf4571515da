//! An upper limit for the relay's speed: the same calls of EventBridge and DynamoDB, all
//! at once, and nothing else. It keeps no order, retries nothing, checks nothing, and
//! loses events that the bus rejects. With `LOOK_UP=Always` it first looks up which rows are
//! pending, as the relay does with records that may have been published before.

use std::collections::{HashMap, HashSet};

use aws_config::BehaviorVersion;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest},
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures::future::try_join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

type Key = HashMap<String, AttributeValue>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let table = std::env::var("OUTBOX_TABLE")?;
    let bus = std::env::var("EVENT_BUS_NAME")?;
    let looks_up = std::env::var_os("LOOK_UP").is_some_and(|what| what == "Always");
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let database = Client::new(&config);

    let (table, bus, events, database) = (&table, &bus, &events, &database);
    run(service_fn(move |event: LambdaEvent<Event>| async move {
        let mut records = event.payload.records;
        if looks_up {
            let pending = look_up(database, table, &records).await?;
            records.retain(|record| pending.contains(&position(&key(record))));
        }
        let entries: Vec<_> = records.iter().map(|record| entry(record, bus)).collect();
        let puts = entries.chunks(10).map(|entries| {
            let put = events.put_events().set_entries(Some(entries.to_vec()));
            put.send()
        });
        try_join_all(puts).await?;

        let deletes: Vec<_> = records.iter().map(delete).collect();
        let deletes = deletes.chunks(25).map(|deletes| {
            let write = database.batch_write_item();
            write.request_items(table, deletes.to_vec()).send()
        });
        try_join_all(deletes).await?;
        Ok::<_, Error>(())
    }))
    .await
}

/// Returns the positions of the pending rows; each contains its event's id.
async fn look_up(
    database: &Client,
    table: &str,
    records: &[EventRecord],
) -> Result<HashSet<String>, Error> {
    let requests = records.chunks(100).map(|records| {
        let keys = records.iter().map(key).collect();
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression("aggregateId, #position")
            .expression_attribute_names("#position", "position")
            .consistent_read(true)
            .build()
            .expect("keys");
        database.batch_get_item().request_items(table, keys).send()
    });
    let found = try_join_all(requests).await?.into_iter();
    let rows = found.flat_map(|found| found.responses.unwrap_or_default().into_values().flatten());
    Ok(rows.map(|row| position(&row)).collect())
}

fn position(row: &Key) -> String {
    let position = row.get("position").and_then(|value| value.as_s().ok());
    position.cloned().unwrap_or_default()
}

fn entry(record: &EventRecord, bus: &str) -> PutEventsRequestEntry {
    let row = record.change.new_image.inner();
    let text = |name: &str| match row.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .set_source(text("source"))
        .set_detail_type(text("detailType"))
        .set_detail(text("detail"))
        .build()
}

fn delete(record: &EventRecord) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key(record))).build();
    let delete = delete.expect("a request with a key");
    WriteRequest::builder().delete_request(delete).build()
}

fn key(record: &EventRecord) -> Key {
    record.change.keys.clone().into()
}
