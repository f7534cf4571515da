//! `OutboxTable::delete`.

use std::collections::BTreeSet;

use outbox::{
    RowKey,
    ports::{DELETE_KEYS, OutboxTable},
};

use super::{
    Fixture,
    read::{queried, scanned},
    written::{keys, keys_of, put_rows},
};
use crate::rows::row;

/// Deleting a missing row is not an error: `DeleteItem` is idempotent.
pub(super) async fn a_delete_removes_what_it_names_and_nothing_else(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[1, 2, 3]).await);
    put_rows(fixture, "b", &[1, 2]).await;
    let never_there = row("c", 1).key;
    let named = [keys[0].clone(), keys[2].clone(), never_there.clone()];
    for _ in 0..2 {
        assert_eq!(fixture.table().delete(&named).await, Ok(vec![]));
        let left = keys_of(&scanned(fixture, 1).await.concat());
        let left: BTreeSet<RowKey> = left.into_iter().collect();
        let expected = [keys[1].clone(), row("b", 1).key, row("b", 2).key];
        assert_eq!(left, BTreeSet::from(expected));
    }
}

/// "DynamoDB rejects the entire batch write operation" if "there are more than 25
/// requests in the batch": `BatchWriteItem` in the API reference.
pub(super) async fn a_delete_takes_at_most_twenty_five_keys(fixture: &impl Fixture) {
    let sequences: Vec<u64> = (1..=DELETE_KEYS as u64 + 1).collect();
    let keys = keys(&put_rows(fixture, "a", &sequences).await);
    assert!(fixture.table().delete(&keys).await.is_err());
    assert_eq!(queried(fixture, "a", None).await.len(), keys.len());
    assert_eq!(
        fixture.table().delete(&keys[..DELETE_KEYS]).await,
        Ok(vec![])
    );
    assert_eq!(
        keys_of(&queried(fixture, "a", None).await),
        keys[DELETE_KEYS..]
    );
}
