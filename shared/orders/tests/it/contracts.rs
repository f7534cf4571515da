//! What consumers were promised stays as it is: each event, in each version, is
//! as the schema says that lies in `schemas/`.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use json_schema_diff::{Change, ChangeKind};
use orders::{OrderCancelled, OrderCreated, OrderEvent};
use outbox::DomainEvent;
use proptest::prelude::*;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::place::{command, item, place};

/// Every event in every version there is a type for.
fn schemas() -> [(&'static str, Value); 2] {
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

fn committed(id: &str) -> Option<Value> {
    let json = fs::read_to_string(file(id)).ok()?;
    Some(serde_json::from_str(&json).unwrap())
}

/// What is no longer as it was promised, each with whether it breaks consumers.
///
/// The other way round than the comparison is meant: a consumer breaks if the
/// schema it was written for does not hold for what is sent now.
fn changes(promised: &Value, sent: &Value) -> Vec<(String, bool)> {
    let changes = json_schema_diff::diff(sent.clone(), promised.clone()).unwrap();
    let told = |change: Change| {
        let breaks = change.change.is_breaking();
        let what = tell(&change.change);
        (format!("{}: {what}", path(&change)), breaks)
    };
    let unjudged = (not_compared(promised) != not_compared(sent)).then(|| {
        let what = "something differs that this test cannot judge: compare the schemas";
        (what.to_owned(), true)
    });
    changes.into_iter().map(told).chain(unjudged).collect()
}

/// What the comparison looks at, or what is for people alone.
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

/// What the comparison does not look at, with where it is.
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

fn tell(change: &ChangeKind) -> String {
    match change {
        ChangeKind::RequiredAdd { property } => format!("may now lack {property}"),
        ChangeKind::RequiredRemove { property } => format!("now always has {property}"),
        ChangeKind::PropertyAdd { added, .. } => format!("no longer tells {added}"),
        ChangeKind::PropertyRemove { removed, .. } => format!("now tells {removed}"),
        ChangeKind::TypeRemove { removed } => format!("may now be of type {removed:?}"),
        ChangeKind::TypeAdd { added } => format!("is no longer of type {added:?}"),
        ChangeKind::EnumRemove { removed, .. } => format!("may now be {removed}"),
        ChangeKind::EnumAdd { added, .. } => format!("is no longer {added}"),
        other => format!("{other:?}"),
    }
}

/// What to do about an event whose type and schema differ; `None` if they do not.
fn complaint(id: &str, promised: Option<&Value>, sent: &Value) -> Option<String> {
    let Some(promised) = promised else {
        return Some(format!("{id} has no schema yet: run 'make schemas'"));
    };
    if promised == sent {
        return None;
    }
    let changes = changes(promised, sent);
    let mut said = format!("{id} is not as its consumers were promised.\n");
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
         event type and a SCHEMA of its own, and tell both while consumers change over."
    } else {
        "No consumer breaks: run 'make schemas' to promise it."
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
fn no_schema_is_left_behind() {
    let known: BTreeSet<PathBuf> = schemas().iter().map(|(id, _)| file(id)).collect();
    let directory = known.first().unwrap().parent().unwrap();
    let there = fs::read_dir(directory).unwrap();
    let there: BTreeSet<PathBuf> = there.map(|entry| entry.unwrap().path()).collect();
    // An event that nobody tells any more is known here as long as it may come.
    assert_eq!(there, known);
}

#[test]
fn every_event_there_is_names_its_schema() {
    let placed = place(command(vec![item("teapot", 2, 1950)])).unwrap();
    let cancelled = placed.order.cancel(jiff::Timestamp::UNIX_EPOCH);
    for event in placed.events.iter().chain(&cancelled.events) {
        // A new event does not compile here until it is told below.
        let (OrderEvent::OrderCreated(_) | OrderEvent::OrderCancelled(_)) = event;
        let id = event.data_schema().unwrap();
        assert!(id.contains(&format!(":{}:", event.event_type())), "{id}");
        assert!(schemas().iter().any(|(known, _)| *known == id), "{id}");
    }
}

#[test]
fn a_change_tells_whether_it_breaks_consumers() {
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
            "breaks consumers: the event: no longer tells note",
        ),
        (
            "/properties/more",
            json!({"type": "string"}),
            "harmless: the event: now tells more",
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
    fn events_are_as_their_schemas_say(
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
