//! The contracts with consumers: each event, in each version, matches its schema in
//! `schemas/`.

use std::{collections::BTreeSet, fs, path::PathBuf};

use orders::{OrderCancelled, OrderCreated, OrderEvent};
use outbox::DomainEvent;
use promised_schemas::Promise;
use proptest::prelude::*;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::place::{command, item, place};

/// Returns the schema of every event, in every version.
pub(crate) fn schemas() -> [(&'static str, Value); 2] {
    [
        (OrderCreated::SCHEMA, schema::<OrderCreated>()),
        (OrderCancelled::SCHEMA, schema::<OrderCancelled>()),
    ]
}

fn schema<Event: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    settings
        .into_generator()
        .into_root_schema_for::<Event>()
        .to_value()
}

fn named(id: &str, schema: &Value) -> Value {
    let mut named = json!({"$id": id});
    let fields = schema.as_object().unwrap().clone();
    named.as_object_mut().unwrap().extend(fields);
    named
}

/// `urn:event-schema:orders:OrderCreated:1` is `schemas/OrderCreated.1.json`.
fn file(id: &str) -> PathBuf {
    let name = id.strip_prefix("urn:event-schema:orders:").unwrap();
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas");
    directory.join(format!("{}.json", name.replace(':', ".")))
}

/// Returns the schema that consumers were promised.
pub(crate) fn committed(id: &str) -> Option<Value> {
    let json = fs::read_to_string(file(id)).ok()?;
    Some(serde_json::from_str(&json).unwrap())
}

/// What to do instead of a change that breaks consumers.
const ADVICE: &str = "Undo this, or leave the event as it was and add one for the next version, with \
     an event type and a SCHEMA of its own, and publish both while consumers change over.";

#[test]
fn every_event_is_as_its_consumers_were_promised() {
    let complaints = schemas().into_iter().filter_map(|(id, schema)| {
        let promise = Promise {
            name: id,
            file: &file(id),
            advice: ADVICE,
        };
        promise.hold(&named(id, &schema)).err()
    });
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_schema_has_an_event() {
    let known: BTreeSet<PathBuf> = schemas().iter().map(|(id, _)| file(id)).collect();
    let directory = known.first().unwrap().parent().unwrap();
    let there = fs::read_dir(directory).unwrap();
    let there: BTreeSet<PathBuf> = there.map(|entry| entry.unwrap().path()).collect();
    // A retired event stays here as long as it may still be delivered.
    assert_eq!(there, known);
}

#[test]
fn every_event_names_its_schema() {
    let placed = place(command(vec![item("teapot", 2, 1950)])).unwrap();
    let cancelled = placed.order.cancel(jiff::Timestamp::UNIX_EPOCH);
    for event in placed.events.iter().chain(&cancelled.events) {
        // A new event does not compile here until it is added to the histories above.
        let (OrderEvent::OrderCreated(_) | OrderEvent::OrderCancelled(_)) = event;
        let id = event.data_schema().unwrap();
        assert!(id.contains(&format!(":{}:", event.event_type())), "{id}");
        assert!(schemas().iter().any(|(known, _)| *known == id), "{id}");
    }
}

proptest! {
    #[test]
    fn events_match_their_schemas(
        items in prop::collection::vec((1_i64..=10_000, 0_i64..=1_000_000), 1..=100)
    ) {
        let items = items.into_iter().map(|(quantity, price)| item("cup", quantity, price));
        let placed = place(command(items.collect())).unwrap();
        let cancelled = placed.order.clone().cancel(jiff::Timestamp::UNIX_EPOCH);
        for event in placed.events.iter().chain(&cancelled.events) {
            let schema = committed(event.data_schema().unwrap()).unwrap();
            let validator = jsonschema::options().should_validate_formats(true).build(&schema);
            let event = serde_json::to_value(event).unwrap();
            if let Err(error) = validator.unwrap().validate(&event) {
                panic!("{error} in {event}");
            }
        }
    }
}
