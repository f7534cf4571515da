//! The events as an `AsyncAPI` document, `asyncapi.json`: what arrives from the bus, with every
//! event's data as its schema promises it.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use crate::contracts::{committed, schemas};

/// Returns the type of an event and the version of its schema:
/// `urn:event-schema:orders:OrderCreated:1` is `("OrderCreated", "1")`.
fn type_and_version(id: &str) -> (&str, &str) {
    let name = id.strip_prefix("urn:event-schema:orders:").unwrap();
    name.rsplit_once(':').unwrap()
}

/// Returns the document. Its schemas are written in what JSON Schema and `OpenAPI` 3.0 have in
/// common, because the schema registry of EventBridge gets them, too.
fn document() -> Value {
    let (mut messages, mut on_bus, mut data) = (Map::new(), Map::new(), Map::new());
    for (id, _) in schemas() {
        let mut schema = committed(id).expect("a schema of each event: run 'make schemas'");
        let (event_type, _) = type_and_version(id);
        let summary = schema["description"].clone();
        for keyword in ["$id", "$schema"] {
            schema.as_object_mut().unwrap().remove(keyword);
        }
        data.insert(event_type.to_owned(), schema);
        data.insert(format!("{event_type}CloudEvent"), cloud_event(id));
        let reference = json!({"$ref": format!("#/components/messages/{event_type}")});
        on_bus.insert(event_type.to_owned(), reference);
        let message = json!({
            "name": event_type,
            "title": event_type,
            "summary": summary,
            "contentType": "application/json",
            "payload": eventbridge_event(event_type),
        });
        messages.insert(event_type.to_owned(), message);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of orders",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Delivery is at least once, and EventBridge may deliver events in \
                another order. `source` and `id` of the CloudEvent in `detail` identify an event; \
                `sequence` is its position in the history of its order. Ignore fields that you \
                don't know.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "eventBridge": {
                "host": "events.{region}.amazonaws.com",
                "protocol": "eventbridge",
                "description": "EventBridge in the Region of the stack. Subscribe with a rule.",
                "variables": {"region": {"description": "The Region of the stack."}},
            },
        },
        "channels": {
            "orders": {
                "address": "orders-{environment}",
                "description": "The event bus of an environment. Rules match `source` \"orders\".",
                "parameters": {
                    "environment": {
                        "description": "The environment.",
                        "enum": ["local", "dev", "staging", "prod"],
                    },
                },
                "messages": on_bus,
            },
        },
        "operations": {
            "publish": {
                "action": "send",
                "summary": "The outbox publishes every committed event, in sequence for each \
                    order.",
                "channel": {"$ref": "#/channels/orders"},
            },
        },
        "components": {"messages": messages, "schemas": data},
    })
}

/// Returns the schema of a text.
fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// Returns the schema of a text in a format.
fn formatted(format: &str, description: &str) -> Value {
    json!({"type": "string", "format": format, "description": description})
}

/// Returns the schema of a text that matches a pattern.
fn matching(pattern: &str, description: &str) -> Value {
    json!({"type": "string", "pattern": pattern, "description": description})
}

/// Returns the schema of a text that is always the same.
fn always(value: &str, description: &str) -> Value {
    json!({"type": "string", "enum": [value], "description": description})
}

/// Returns the schema of an event as a target of EventBridge receives it.
fn eventbridge_event(event_type: &str) -> Value {
    json!({
        "type": "object",
        "description": "`detail` is the event, the rest the envelope of EventBridge.",
        "properties": {
            "version": text("The version of the envelope."),
            "id": text(
                "EventBridge's id, which differs between duplicates: use that in `detail`."
            ),
            "detail-type": always(event_type, "The type of the event."),
            "source": always("orders", "The service that published it."),
            "account": text("The account of the bus."),
            "time": formatted("date-time", "When it was put on the bus."),
            "region": text("The Region of the bus."),
            "resources": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Not used.",
            },
            "replay-name": text("The replay, if it comes from the archive."),
            "detail": {"$ref": format!("#/components/schemas/{event_type}CloudEvent")},
        },
        "required": [
            "version", "id", "detail-type", "source", "account", "time", "region", "resources",
            "detail",
        ],
    })
}

/// Returns the schema of an event as a `CloudEvent`. A test of the orders service compares it
/// with what is written to the outbox.
fn cloud_event(id: &str) -> Value {
    let (event_type, _) = type_and_version(id);
    json!({
        "type": "object",
        "description": "The event as a CloudEvent.",
        "properties": {
            "specversion": always("1.0", "The version of CloudEvents."),
            "id": formatted("uuid", "Unique within `source`. A duplicate has the same."),
            "source": always("orders", "The service that published it."),
            "type": always(event_type, "The type of the event."),
            "subject": matching("^order#[0-9a-f-]{36}$", "The order that it happened to."),
            "time": formatted("date-time", "When it was committed."),
            "datacontenttype": always("application/json", "The media type of `data`."),
            "dataschema": always(id, "The schema of `data`, with its version."),
            "sequence": matching("^[0-9]{20}$", "Position in the history of the order, from 1."),
            "traceparent": text("The W3C trace context of the request behind it."),
            "correlationid": text("API Gateway's id of the request behind it."),
            "data": {"$ref": format!("#/components/schemas/{event_type}")},
        },
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype",
            "dataschema", "sequence", "data",
        ],
    })
}

#[test]
fn the_document_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("asyncapi.json");
    let mut document = document();
    document.sort_all_objects();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "asyncapi.json is not current: run 'make schemas'"
    );
}

/// Two events of one type would be one message: a breaking change is an event of a new type.
#[test]
fn every_event_has_a_message() {
    let document = document();
    let messages = document["components"]["messages"].as_object().unwrap();
    assert_eq!(messages.len(), schemas().len());
}
