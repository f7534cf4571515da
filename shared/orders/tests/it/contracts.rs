//! The contracts with consumers: each event, in each version, matches its schema in
//! `schemas/`.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use json_schema_diff::{Change, ChangeKind};
use orders::{OrderCancelled, OrderCreated, OrderEvent};
use outbox::DomainEvent;
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

/// Returns the changes of a schema, each with whether it breaks consumers.
///
/// The arguments of the comparison are swapped: a consumer breaks if today's events do
/// not match the schema that it was written for.
fn changes(promised: &Value, sent: &Value) -> Vec<(String, bool)> {
    let changes = json_schema_diff::diff(sent.clone(), promised.clone()).unwrap();
    let judged = |change: Change| {
        let breaks = change.change.is_breaking();
        let what = describe(&change.change);
        (format!("{}: {what}", path(&change)), breaks)
    };
    let unjudged = (not_compared(promised) != not_compared(sent)).then(|| {
        let what = "something differs that this test cannot judge: compare the schemas";
        (what.to_owned(), true)
    });
    changes.into_iter().map(judged).chain(unjudged).collect()
}

/// Keywords that the comparison supports, or that are only descriptions.
const COMPARED: [&str; 14] = [
    "type",
    "required",
    "enum",
    "const",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "title",
    "description",
];

/// Returns the keywords that the comparison does not support, with their paths.
fn not_compared(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let within = |name: &str, schema: &Value| -> Vec<String> {
        let inner = not_compared(schema).into_iter();
        inner.map(|inner| format!("{name}.{inner}")).collect()
    };
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                found.extend(properties.flat_map(|(name, schema)| within(name, schema)));
            }
            "items" => found.extend(within("items", value)),
            known if COMPARED.contains(&known) => {}
            _ => found.push(format!("{keyword}={value}")),
        }
    }
    found
}

fn path(change: &Change) -> &str {
    match change.path.as_str() {
        "" => "the event",
        path => path.trim_start_matches('.'),
    }
}

fn describe(change: &ChangeKind) -> String {
    match change {
        ChangeKind::RequiredAdd { property } => format!("may now lack {property}"),
        ChangeKind::RequiredRemove { property } => format!("now always has {property}"),
        ChangeKind::PropertyAdd { added, .. } => format!("no longer contains {added}"),
        ChangeKind::PropertyRemove { removed, .. } => format!("now contains {removed}"),
        ChangeKind::TypeRemove { removed } => format!("may now be of type {removed:?}"),
        ChangeKind::TypeAdd { added } => format!("is no longer of type {added:?}"),
        ChangeKind::EnumRemove { removed, .. } => format!("may now be {removed}"),
        ChangeKind::EnumAdd { added, .. } => format!("is no longer {added}"),
        other => format!("{other:?}"),
    }
}

/// Returns what to do about an event whose type and schema differ, or `None` if they
/// match.
fn complaint(id: &str, promised: Option<&Value>, sent: &Value) -> Option<String> {
    let Some(promised) = promised else {
        return Some(format!("{id} has no schema yet: run 'make schemas'"));
    };
    if promised == sent {
        return None;
    }
    let changes = changes(promised, sent);
    let mut said = format!("{id} does not match the schema that its consumers rely on.\n");
    for (change, breaks) in &changes {
        let what = if *breaks {
            "breaks consumers"
        } else {
            "harmless"
        };
        writeln!(said, "  {what}: {change}").unwrap();
    }
    said += if changes.iter().any(|(_, breaks)| *breaks) {
        "Undo this, or leave the event as it was and add one for the next version, with an \
         event type and a SCHEMA of its own, and publish both while consumers change over."
    } else {
        "No consumer breaks: run 'make schemas' to update the schema."
    };
    Some(said)
}

#[test]
fn every_event_is_as_its_consumers_were_promised() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let mut complaints = Vec::new();
    for (id, schema) in schemas() {
        let schema = named(id, &schema);
        let promised = committed(id);
        let Some(complaint) = complaint(id, promised.as_ref(), &schema) else {
            continue;
        };
        if update && !complaint.contains("breaks consumers") {
            let json = serde_json::to_string_pretty(&schema).unwrap();
            fs::write(file(id), json + "\n").unwrap();
        } else {
            complaints.push(complaint);
        }
    }
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

#[test]
fn a_change_says_whether_it_breaks_consumers() {
    let promised = || {
        json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "total": {"type": "integer", "minimum": 0},
                "note": {"type": "string"},
                "status": {"type": "string", "enum": ["placed"]},
            },
            "required": ["id", "total"],
        })
    };
    for (pointer, value, says) in [
        (
            "/required",
            json!(["id"]),
            "breaks consumers: the event: may now lack total",
        ),
        (
            "/required",
            json!(["id", "total", "note"]),
            "harmless: the event: now always has note",
        ),
        (
            "/properties/note",
            json!(null),
            "breaks consumers: the event: no longer contains note",
        ),
        (
            "/properties/more",
            json!({"type": "string"}),
            "harmless: the event: now contains more",
        ),
        (
            "/properties/id/type",
            json!("integer"),
            "breaks consumers: id: may now be of type Integer",
        ),
        (
            "/properties/total/type",
            json!(["integer", "null"]),
            "breaks consumers: total: may now be of type Null",
        ),
        (
            "/properties/total/minimum",
            json!(-1),
            "breaks consumers: total",
        ),
        ("/properties/total/minimum", json!(1), "harmless: total"),
        (
            "/minProperties",
            json!(2),
            "breaks consumers: something differs that this test cannot judge",
        ),
        (
            "/properties/id/oneOf",
            json!([]),
            "breaks consumers: something differs that this test cannot judge",
        ),
        ("/description", json!("said better"), "No consumer breaks"),
        (
            "/properties/status/enum",
            json!(["placed", "lost"]),
            "breaks consumers: status: may now be \"lost\"",
        ),
    ] {
        let mut sent = promised();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = sent.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        let said = complaint("it", Some(&promised()), &sent).unwrap();
        assert!(said.contains(says), "{pointer}: {said}");
        let advice = if says.starts_with("breaks") {
            "next version"
        } else {
            "make schemas"
        };
        assert!(said.contains(advice), "{pointer}: {said}");
    }
    assert_eq!(complaint("it", Some(&promised()), &promised()), None);
    let new = complaint("it", None, &promised()).unwrap();
    assert!(new.contains("no schema yet"), "{new}");
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
