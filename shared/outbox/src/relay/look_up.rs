//! Asking the table about rows that may have been published before.

use std::collections::HashMap;

use futures::{StreamExt, stream};

use crate::{
    RowKey,
    ports::{CallError, LOOK_UP_KEYS, OutboxTable, RowState},
    relay::{
        budget::Budget,
        retry::{Pauses, within},
    },
};

/// Requests under way at once, and parts of a batch, which are a request each unless
/// an aggregate has more rows than one request looks up.
pub(super) const LOOK_UPS_AT_ONCE: usize = 10;

/// What has become of each row; a row nobody told of in time has the reason.
pub(crate) async fn look_up<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> HashMap<RowKey, Result<RowState, String>> {
    let chunks = keys.chunks(LOOK_UP_KEYS).map(async |keys| {
        let (known, error) = look_up_chunk(table, pauses, keys, budget).await;
        let state = |key| known.get(key).copied().ok_or_else(|| error.clone());
        keys.iter()
            .map(|key| (key.clone(), state(key)))
            .collect::<Vec<_>>()
    });
    let mut states = HashMap::with_capacity(keys.len());
    let mut answers = stream::iter(chunks).buffered(LOOK_UPS_AT_ONCE);
    while let Some(answer) = answers.next().await {
        states.extend(answer);
    }
    states
}

/// What is known in the end, and why the rest is not.
async fn look_up_chunk<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> (HashMap<RowKey, RowState>, String) {
    let mut known = HashMap::new();
    let mut failures = 0;
    loop {
        let is_unknown = |key: &&RowKey| !known.contains_key(*key);
        let unknown: Vec<RowKey> = keys.iter().filter(is_unknown).cloned().collect();
        if unknown.is_empty() {
            return (known, String::new());
        }
        let error = match within(budget.put_until, table.look_up(&unknown)).await {
            Ok(answer) => {
                known.extend(answer);
                "the table left keys unprocessed".to_owned()
            }
            Err(CallError::Transient(error)) => error,
            Err(error) => return (known, error.to_string()),
        };
        failures += 1;
        if known.len() < keys.len() && !pauses.pause(failures, budget.put_until).await {
            return (known, error);
        }
    }
}
