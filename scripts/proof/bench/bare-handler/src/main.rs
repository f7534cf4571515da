//! An upper limit for the relay's speed: the same calls of EventBridge and DynamoDB, all
//! at once, and nothing else. It keeps no order, retries nothing, checks nothing, and
//! loses events that the bus rejects.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures::future::try_join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let table = std::env::var("OUTBOX_TABLE")?;
    let bus = std::env::var("EVENT_BUS_NAME")?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let database = aws_sdk_dynamodb::Client::new(&config);

    let (table, bus, events, database) = (&table, &bus, &events, &database);
    run(service_fn(move |event: LambdaEvent<Event>| async move {
        let records = &event.payload.records;
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
    let key: HashMap<String, AttributeValue> = record.change.keys.clone().into();
    let delete = DeleteRequest::builder().set_key(Some(key)).build();
    let delete = delete.expect("a request with a key");
    WriteRequest::builder().delete_request(delete).build()
}
