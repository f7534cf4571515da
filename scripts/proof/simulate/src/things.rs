//! The things that services change, and where they are kept.

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::{DomainEvent, Revision};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// The table of things.
pub(crate) const TABLE: &str = "things";

/// The item of a thing.
#[derive(Serialize)]
pub(crate) struct Thing {
    pub(crate) pk: String,
    pub(crate) command: u64,
}

#[derive(Serialize)]
pub(crate) struct ThingHappened {
    pub(crate) command: u64,
}

impl DomainEvent for ThingHappened {
    fn event_type(&self) -> &str {
        "ThingHappened"
    }
}

/// A thing as a service has read it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KnownThing {
    /// The key of its item.
    pub(crate) pk: String,
    #[serde(flatten)]
    pub(crate) revision: Revision,
}

/// Returns the id of the aggregate.
pub(crate) fn id_of(thing: u64) -> String {
    format!("thing#{thing}")
}

/// Returns the key under which a thing is created. Every third has another key than its id, so
/// that its first events also write a claim. A careless writer uses yet another key, which the
/// claim must prevent.
pub(crate) fn key_of_new(thing: u64, is_careless: bool) -> String {
    match (thing % 3, is_careless) {
        (0, false) => format!("item#{thing}"),
        (0, true) => format!("copy#{thing}"),
        _ => id_of(thing),
    }
}

impl State {
    /// Reads a thing from where it is kept; `None` if there is no such thing yet.
    pub(crate) fn read_thing(&self, thing: u64) -> Option<KnownThing> {
        let items = &self.services.items;
        let mut item = items.find(TABLE, &[&id_of(thing)])?;
        if let Some(AttributeValue::M(key)) = item.get("claimedFor") {
            item = items.get(TABLE, key)?;
        }
        serde_dynamo::from_item(item.clone()).ok()
    }
}
