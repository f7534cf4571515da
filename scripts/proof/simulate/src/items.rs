//! What transactions have written besides the rows of events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::Instant;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// What transactions have written besides the rows of events.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// By table and partition key.
    pub(crate) by_address: BTreeMap<(String, String), Item>,
    /// When each client request token was first used in a transaction that succeeded.
    pub(crate) tokens: HashMap<String, Instant>,
    /// The commands whose transactions were written.
    pub(crate) commands: BTreeSet<u64>,
}

impl Items {
    pub(crate) fn get(&self, table: &str, key: &str) -> Option<&Item> {
        self.by_address.get(&(table.to_owned(), key.to_owned()))
    }
}
