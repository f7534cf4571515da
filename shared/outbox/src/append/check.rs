//! Everything that is checked before a transaction is sent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use serde_json::Value;

use super::{
    error::{Participant, Problem},
    item_size::{item_bytes, item_depth},
    key::{ItemAddress, KeySchema},
};
use crate::{
    limits,
    row::{DISCARDED, OutboxRow},
};

/// One action of a transaction, and how to find its key.
#[derive(Clone)]
pub(crate) enum Action {
    Put(Put, KeySchema),
    Update(Update),
    Delete(Delete),
    ConditionCheck(ConditionCheck),
}

impl Action {
    pub(super) fn to_item(&self) -> TransactWriteItem {
        let item = TransactWriteItem::builder();
        match self.clone() {
            Self::Put(put, _) => item.put(put),
            Self::Update(update) => item.update(update),
            Self::Delete(delete) => item.delete(delete),
            Self::ConditionCheck(check) => item.condition_check(check),
        }
        .build()
    }

    /// The item the action is about, or the key attribute a put lacks.
    pub(super) fn address(&self) -> Result<ItemAddress, String> {
        let (table, key) = match self {
            Self::Put(put, schema) => (&put.table_name, schema.key_of(&put.item)?),
            Self::Update(update) => (&update.table_name, update.key.clone()),
            Self::Delete(delete) => (&delete.table_name, delete.key.clone()),
            Self::ConditionCheck(check) => (&check.table_name, check.key.clone()),
        };
        let table = table.clone();
        Ok(ItemAddress { table, key })
    }

    /// What the action is known to carry to the item.
    fn carried(&self) -> Option<&HashMap<String, AttributeValue>> {
        match self {
            Self::Put(put, _) => Some(&put.item),
            Self::Update(update) => update.expression_attribute_values(),
            Self::Delete(_) | Self::ConditionCheck(_) => None,
        }
    }
}

pub(super) fn attributes(
    aggregate_id: &str,
    correlation_id: Option<&str>,
    causation_id: Option<&str>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !(1..=limits::MAX_AGGREGATE_ID_BYTES).contains(&aggregate_id.len()) {
        problems.push(Problem::AggregateId {
            bytes: aggregate_id.len(),
        });
    }
    if aggregate_id.starts_with(DISCARDED) {
        problems.push(Problem::ReservedAggregateId);
    }
    for (attribute, value) in [
        ("correlationid", correlation_id),
        ("causationid", causation_id),
    ] {
        if value == Some("") {
            problems.push(Problem::EmptyAttribute { attribute });
        }
    }
    problems
}

pub(super) fn event(event: usize, data: &Value, row: &OutboxRow) -> Vec<Problem> {
    let mut problems = Vec::new();
    let chars = row.detail_type.chars().count();
    if !(1..=limits::MAX_EVENT_TYPE_CHARS).contains(&chars) {
        problems.push(Problem::EventType { event, chars });
    }
    let bytes = row.entry_bytes();
    if bytes > limits::MAX_ENTRY_BYTES {
        problems.push(Problem::EventTooLarge { event, bytes });
    }
    let depth = json_depth(data);
    if depth > limits::MAX_EVENT_DEPTH {
        problems.push(Problem::EventTooDeep { event, depth });
    }
    let unsafe_integer = |number| Problem::UnsafeInteger { event, number };
    problems.extend(first_unsafe_integer(data).map(unsafe_integer));
    problems
}

/// Checks all actions of a transaction together.
pub(super) fn actions(actions: &[(Participant, Action)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if actions.len() > limits::MAX_ACTIONS {
        problems.push(Problem::TooManyActions {
            count: actions.len(),
        });
    }
    let mut total = 0;
    let mut seen: Vec<(Participant, ItemAddress)> = Vec::new();
    for (participant, action) in actions {
        let participant = *participant;
        if let Some(carried) = action.carried() {
            let bytes = item_bytes(carried);
            total += bytes;
            if bytes > limits::MAX_ITEM_BYTES {
                problems.push(Problem::ItemTooLarge { participant, bytes });
            }
            let depth = item_depth(carried);
            if depth > limits::MAX_ITEM_DEPTH {
                problems.push(Problem::ItemTooDeep { participant, depth });
            }
        }
        match action.address() {
            Err(attribute) => problems.push(Problem::NotAnItem {
                participant,
                reason: format!("the item lacks the key attribute {attribute:?}"),
            }),
            Ok(item) => {
                if let Some((first, _)) = seen.iter().find(|(_, other)| *other == item) {
                    problems.push(Problem::SameItem {
                        first: *first,
                        second: participant,
                        item: item.to_string(),
                    });
                }
                seen.push((participant, item));
            }
        }
    }
    if total > limits::MAX_TRANSACTION_BYTES {
        problems.push(Problem::TransactionTooLarge { bytes: total });
    }
    problems
}

fn json_depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(json_depth).max().unwrap_or(0),
        Value::Object(values) => 1 + values.values().map(json_depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn first_unsafe_integer(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let magnitude = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs))?;
            (magnitude > limits::MAX_JSON_INTEGER).then(|| number.to_string())
        }
        Value::Array(values) => values.iter().find_map(first_unsafe_integer),
        Value::Object(values) => values.values().find_map(first_unsafe_integer),
        _ => None,
    }
}
