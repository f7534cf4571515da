use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::types::AttributeValue;

/// The names of a table's key attributes. A put holds its key somewhere in the
/// item; this tells where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchema {
    partition_key: String,
    sort_key: Option<String>,
}

impl KeySchema {
    /// Of a table with a partition key alone.
    pub fn partition_key(name: impl Into<String>) -> Self {
        Self {
            partition_key: name.into(),
            sort_key: None,
        }
    }

    /// The same, with a sort key.
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

    pub(crate) fn attributes(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.partition_key).chain(&self.sort_key)
    }

    /// How long a text may be that is to be each of the key's attributes: DynamoDB
    /// takes 2048 bytes in a partition key, 1024 in a sort key.
    #[cfg(feature = "inbox")]
    pub(crate) fn most_bytes(&self) -> usize {
        if self.sort_key.is_some() { 1024 } else { 2048 }
    }

    /// The key of an item, or the key attribute it lacks.
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
#[derive(Clone, PartialEq)]
pub(super) struct ItemAddress {
    pub(super) table: String,
    pub(super) key: HashMap<String, AttributeValue>,
}

impl fmt::Display for ItemAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, &self.table, &self.key)
    }
}

/// `table[name=value, name=value]`, names sorted.
pub(super) fn write_address(
    f: &mut fmt::Formatter<'_>,
    table: &str,
    key: &HashMap<String, AttributeValue>,
) -> fmt::Result {
    let mut attributes: Vec<String> = key
        .iter()
        .map(|(name, value)| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => format!("{name}={text}"),
            other => format!("{name}={other:?}"),
        })
        .collect();
    attributes.sort();
    write!(f, "{table}[{}]", attributes.join(", "))
}
