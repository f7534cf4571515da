//! Checks a transaction before it is sent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};

use crate::{
    EventData,
    append::{
        control_character::ControlCharacter,
        error::{Participant, Problem},
        item_size::{item_bytes, item_depth},
        item_values::{self, MAX_PARTITION_KEY_BYTES},
        key::{ItemAddress, KeySchema},
        transaction::Event,
    },
    json_text, limits,
    row::{DISCARDED, OutboxRow},
};

/// One action of a transaction, and how to find its key.
#[derive(Clone)]
pub(crate) enum Action {
    /// A put has its key among the attributes of its item; the schema says which they are.
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

    /// Returns the item that the action is about, or the key attribute that a put lacks.
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

    pub(super) fn table(&self) -> &str {
        match self {
            Self::Put(put, _) => &put.table_name,
            Self::Update(update) => &update.table_name,
            Self::Delete(delete) => &delete.table_name,
            Self::ConditionCheck(check) => &check.table_name,
        }
    }

    /// Returns the values of the action's expressions.
    fn expression_values(&self) -> Option<&HashMap<String, AttributeValue>> {
        match self {
            Self::Put(put, _) => put.expression_attribute_values(),
            Self::Update(update) => update.expression_attribute_values(),
            Self::Delete(delete) => delete.expression_attribute_values(),
            Self::ConditionCheck(check) => check.expression_attribute_values(),
        }
    }

    /// Returns every value of the action that DynamoDB would reject: attribute and reason.
    fn value_faults(&self) -> Vec<(String, String)> {
        let sent = match self {
            Self::Put(put, _) => &put.item,
            Self::Update(update) => &update.key,
            Self::Delete(delete) => &delete.key,
            Self::ConditionCheck(check) => &check.key,
        };
        let values = [Some(sent), self.expression_values()];
        let faults = values.into_iter().flatten().flat_map(item_values::faults);
        let mut faults: Vec<_> = faults.map(|fault| (fault.path, fault.reason)).collect();
        match self {
            Self::Put(put, schema) => faults.extend(schema.faults(&put.item)),
            // Which attribute is the partition key is unknown here, so the larger limit counts.
            _ => faults.extend(sent.iter().filter_map(|(name, value)| {
                let reason = item_values::key_fault(value, MAX_PARTITION_KEY_BYTES)?;
                Some((name.clone(), reason))
            })),
        }
        faults
    }

    /// Returns the attributes that the action is known to write to the item.
    fn carried(&self) -> Option<&HashMap<String, AttributeValue>> {
        match self {
            Self::Put(put, _) => Some(&put.item),
            Self::Update(update) => update.expression_attribute_values(),
            Self::Delete(_) | Self::ConditionCheck(_) => None,
        }
    }
}

/// Checks the attributes that all events of a transaction share.
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
    problems.extend(control_character(None, "aggregate id", aggregate_id));
    for (attribute, value) in [
        ("correlationid", correlation_id),
        ("causationid", causation_id),
    ] {
        if value == Some("") {
            problems.push(Problem::EmptyAttribute { attribute });
        }
        let value = value.unwrap_or_default();
        problems.extend(control_character(None, attribute, value));
    }
    problems
}

/// Returns the problem of a name with a control character.
fn control_character(event: Option<usize>, attribute: &'static str, name: &str) -> Option<Problem> {
    let found = ControlCharacter::in_name(name)?;
    Some(Problem::ControlCharacter {
        event,
        attribute,
        found,
    })
}

/// Checks one event and its row.
pub(super) fn event(index: usize, event: &Event, row: &OutboxRow) -> Vec<Problem> {
    let (data, data_schema) = (&event.data, event.data_schema.as_deref());
    let event = index;
    let mut problems = Vec::new();
    let chars = row.detail_type.chars().count();
    if !(1..=limits::MAX_EVENT_TYPE_CHARS).contains(&chars) {
        problems.push(Problem::EventType { event, chars });
    }
    for (attribute, name) in [
        ("type", row.detail_type.as_str()),
        ("dataschema", data_schema.unwrap_or_default()),
    ] {
        problems.extend(control_character(Some(event), attribute, name));
    }
    problems.extend(self::data(index, data));
    problems
}

/// Checks the data of an event.
pub(super) fn data(event: usize, data: &EventData) -> Vec<Problem> {
    let mut problems = Vec::new();
    let found = json_text::examine(data.as_json());
    if found.depth > limits::MAX_EVENT_DEPTH {
        problems.push(Problem::EventTooDeep {
            event,
            depth: found.depth,
        });
    }
    let unsafe_number = |place: String| Problem::UnsafeNumber {
        event,
        path: format!("data{place}"),
    };
    problems.extend(found.unsafe_number.map(unsafe_number));
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
        let invalid = |(attribute, reason)| Problem::InvalidValue {
            participant,
            attribute,
            reason,
        };
        problems.extend(action.value_faults().into_iter().map(invalid));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the problems of puts with attributes of so many bytes, keys included.
    fn problems(sizes: &[usize]) -> Vec<Problem> {
        let put = |(index, bytes): (usize, &usize)| {
            let key = format!("{index:03}");
            let rest = "pk".len() + key.len() + "text".len();
            let put = Put::builder()
                .table_name("things")
                .item("pk", AttributeValue::S(key))
                .item("text", AttributeValue::S("x".repeat(bytes - rest)));
            let put = Action::Put(put.build().unwrap(), KeySchema::partition_key("pk"));
            (Participant::Action(index), put)
        };
        actions(&sizes.iter().enumerate().map(put).collect::<Vec<_>>())
    }

    #[test]
    fn an_item_and_all_items_may_be_as_large_as_their_limits() {
        let most = limits::MAX_ITEM_BYTES;
        assert_eq!(problems(&[most]), []);
        let participant = Participant::Action(0);
        let bytes = most + 1;
        let too_large = Problem::ItemTooLarge { participant, bytes };
        assert_eq!(problems(&[bytes]), [too_large]);

        let mut sizes = vec![most; 10];
        sizes.push(limits::MAX_TRANSACTION_BYTES - 10 * most);
        assert_eq!(problems(&sizes), []);
        sizes[10] += 1;
        let bytes = limits::MAX_TRANSACTION_BYTES + 1;
        assert_eq!(problems(&sizes), [Problem::TransactionTooLarge { bytes }]);
    }

    #[test]
    fn an_item_may_be_as_deep_as_its_limit() {
        let nested = |depth: usize| {
            let value = (0..depth).fold(AttributeValue::Null(true), |inner, _| {
                AttributeValue::L(vec![inner])
            });
            let put = Put::builder()
                .table_name("things")
                .item("pk", AttributeValue::S("a".to_owned()))
                .item("deep", value);
            let put = Action::Put(put.build().unwrap(), KeySchema::partition_key("pk"));
            actions(&[(Participant::Action(0), put)])
        };
        assert_eq!(nested(limits::MAX_ITEM_DEPTH), []);
        let depth = limits::MAX_ITEM_DEPTH + 1;
        let participant = Participant::Action(0);
        assert_eq!(nested(depth), [Problem::ItemTooDeep { participant, depth }]);
    }
}
