//! Looks up in the table the rows that may have been published before.

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

/// Look-ups in flight at once: parts of a batch, and requests of one part. A part is one
/// request, unless an aggregate has more rows than one request looks up.
pub(super) const LOOK_UPS_AT_ONCE: usize = 10;

/// Returns the state of each row, or why it could not be looked up in time.
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

/// Looks up as many keys as one request takes. Returns the states that are known in the
/// end, and why the others are not.
async fn look_up_chunk<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    keys: &[RowKey],
    budget: &Budget,
) -> (HashMap<RowKey, RowState>, String) {
    let mut known = HashMap::new();
    let mut failures = 0;
    loop {
        // DynamoDB may answer for a part of the keys only; only the others are retried.
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
            // Permissions or configuration: a retry can't help.
            Err(error) => return (known, error.to_string()),
        };
        failures += 1;
        if known.len() < keys.len() && !pauses.pause(failures, budget.put_until).await {
            return (known, error);
        }
    }
}
