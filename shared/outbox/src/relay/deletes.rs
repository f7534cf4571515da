//! Deleting the rows of published events.

use std::collections::BTreeSet;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    budget::Budget,
    call_error::CallError,
    outbox_table::{DELETE_KEYS, OutboxTable},
    retry::{Pauses, within},
};
use crate::RowKey;

/// Deletes every row that arrives, while others are still being published.
/// Answers those that could not be deleted in time.
pub(super) async fn delete_published<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    left_over: BTreeSet<RowKey>,
    mut published: UnboundedReceiver<RowKey>,
    budget: &Budget,
) -> BTreeSet<RowKey> {
    let mut waiting: Vec<RowKey> = left_over.into_iter().collect();
    let mut failures = 0;
    loop {
        if waiting.is_empty() {
            if published.recv_many(&mut waiting, DELETE_KEYS).await == 0 {
                return BTreeSet::new();
            }
        } else {
            while let Ok(key) = published.try_recv() {
                waiting.push(key);
            }
        }
        let next: Vec<RowKey> = waiting.drain(..waiting.len().min(DELETE_KEYS)).collect();
        let may_work_later = match within(budget.settle_until, table.delete(&next)).await {
            Ok(undeleted) if undeleted.is_empty() => {
                failures = 0;
                continue;
            }
            Ok(undeleted) => {
                waiting.extend(undeleted);
                true
            }
            Err(error) => {
                tracing::warn!(%error, rows = next.len(), "published rows were not deleted");
                waiting.extend(next);
                matches!(error, CallError::Transient(_))
            }
        };
        failures += 1;
        if !may_work_later || !pauses.pause(failures, budget.settle_until).await {
            while let Some(key) = published.recv().await {
                waiting.push(key);
            }
            return waiting.into_iter().collect();
        }
    }
}
