//! The keys of items: the schema of a table, and the item that an action is about.

use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::append::item_values::{
    MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES, is_same_key, key_fault,
};

/// The names of a table's key attributes. A put has its key among the attributes of its item;
/// the schema says which they are.
///
/// ```
/// use outbox::KeySchema;
///
/// let orders = KeySchema::partition_key("pk");
/// let accounts = KeySchema::partition_key("pk").sort_key("sk");
/// assert_ne!(orders, accounts);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchema {
    /// The name of the partition key's attribute.
    partition_key: String,
    /// The name of the sort key's attribute, if the table has one.
    sort_key: Option<String>,
}

impl KeySchema {
    /// Creates the schema of a table with only a partition key. See [`KeySchema`] for an
    /// example.
    pub fn partition_key(name: impl Into<String>) -> Self {
        Self {
            partition_key: name.into(),
            sort_key: None,
        }
    }

    /// Returns the schema with a sort key. See [`KeySchema`] for an example.
    #[must_use]
    pub fn sort_key(self, name: impl Into<String>) -> Self {
        Self {
            sort_key: Some(name.into()),
            ..self
        }
    }

    pub(crate) fn partition_key_name(&self) -> &str {
        &self.partition_key
    }

    pub(super) fn sort_key_name(&self) -> Option<&str> {
        self.sort_key.as_deref()
    }

    /// Returns the names of the key attributes, the partition key's first.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.partition_key).chain(&self.sort_key)
    }

    /// Returns how many bytes a text may have that is the value of all key attributes.
    /// DynamoDB accepts 2048 bytes in a partition key and 1024 in a sort key.
    #[cfg(feature = "inbox")]
    pub(crate) fn most_bytes(&self) -> usize {
        if self.sort_key.is_some() {
            MAX_SORT_KEY_BYTES
        } else {
            MAX_PARTITION_KEY_BYTES
        }
    }

    /// Returns each key attribute whose value DynamoDB would reject, and why.
    pub(super) fn faults(&self, key: &HashMap<String, AttributeValue>) -> Vec<(String, String)> {
        let attributes = [
            (Some(&self.partition_key), MAX_PARTITION_KEY_BYTES),
            (self.sort_key.as_ref(), MAX_SORT_KEY_BYTES),
        ];
        let fault = |(name, max_bytes): (Option<&String>, usize)| {
            let name = name?;
            Some((name.clone(), key_fault(key.get(name)?, max_bytes)?))
        };
        attributes.into_iter().filter_map(fault).collect()
    }

    /// Returns the key of an item, or the name of the key attribute that it lacks.
    pub(super) fn key_of(
        &self,
        item: &HashMap<String, AttributeValue>,
    ) -> Result<HashMap<String, AttributeValue>, String> {
        self.attributes()
            .map(|name| match item.get(name) {
                Some(value) => Ok((name.clone(), value.clone())),
                None => Err(name.clone()),
            })
            .collect()
    }
}

/// One item of one table.
#[derive(Clone)]
pub(super) struct ItemAddress {
    pub(super) table: String,
    pub(super) key: HashMap<String, AttributeValue>,
}

impl PartialEq for ItemAddress {
    /// Compares as DynamoDB does: the numbers 1 and 1.0 are the same key.
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
            && self.key.len() == other.key.len()
            && self.key.iter().all(|(name, value)| {
                let other = other.key.get(name);
                other.is_some_and(|other| is_same_key(value, other))
            })
    }
}

impl fmt::Display for ItemAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, &self.table, &self.key)
    }
}

/// Writes `table[name=value, name=value]`, names sorted.
pub(super) fn write_address(
    f: &mut fmt::Formatter<'_>,
    table: &str,
    key: &HashMap<String, AttributeValue>,
) -> fmt::Result {
    write!(f, "{table}[{}]", key_text(key))
}

/// Returns `name=value, name=value`, names sorted.
pub(super) fn key_text(key: &HashMap<String, AttributeValue>) -> String {
    let mut attributes: Vec<String> = key
        .iter()
        .map(|(name, value)| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => format!("{name}={text}"),
            other => format!("{name}={other:?}"),
        })
        .collect();
    // A map has no order, and messages should not vary.
    attributes.sort();
    attributes.join(", ")
}
