//! Faults of transactions, and what a commit makes of them.

use std::time::Duration;

use outbox::{AggregateWrite, CommitError, Committed, DomainEvent, KeySchema};
use outbox_testing::{Fault, InMemoryAws, Operation};
use serde::Serialize;
use tokio::time::sleep;

#[derive(Serialize)]
pub(crate) struct Renamed;

impl DomainEvent for Renamed {
    fn event_type(&self) -> &str {
        "Renamed"
    }
}

#[derive(Serialize)]
struct Thing {
    pk: String,
}

/// Commits a new thing with one event.
pub(crate) async fn commit(aws: &InMemoryAws, id: &str) -> Result<Committed, CommitError> {
    let key = KeySchema::partition_key("pk");
    aws.create_table("things", key.clone());
    let thing = Thing { pk: id.into() };
    let write = AggregateWrite::create(id, "things", key, &thing);
    let transaction = aws.outbox("things").unwrap().transaction(write);
    transaction.event(&Renamed).commit().await
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_response_is_lost_is_written_once() {
    let aws = InMemoryAws::new();
    aws.fail_next(Operation::TransactWriteItems, Fault::ResponseLost);
    commit(&aws, "thing#1").await.unwrap();
    assert_eq!(aws.calls(Operation::TransactWriteItems).len(), 2);
    assert_eq!(aws.appended().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_transaction_is_written_after_the_commit_has_given_up() {
    let aws = InMemoryAws::new();
    aws.fail_always(
        Operation::TransactWriteItems,
        Fault::Late(Duration::from_secs(20)),
    );
    let committed = commit(&aws, "thing#1").await;
    assert!(matches!(committed, Err(CommitError::OutcomeUnknown(_))));
    assert!(aws.appended().is_empty());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(aws.appended().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_and_throttling_are_told_apart() {
    let aws = InMemoryAws::new();
    aws.fail_next(Operation::TransactWriteItems, Fault::Conflict);
    let committed = commit(&aws, "thing#1").await;
    assert!(matches!(committed, Err(CommitError::Conflict { .. })));
    aws.fail_always(Operation::TransactWriteItems, Fault::throttled());
    let committed = commit(&aws, "thing#1").await;
    assert!(matches!(committed, Err(CommitError::Throttled { .. })));
    aws.end_faults();
    commit(&aws, "thing#1").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_missing_table_is_named() {
    let aws = InMemoryAws::new();
    let key = KeySchema::partition_key("pk");
    let thing = Thing { pk: "1".into() };
    let write = AggregateWrite::create("1", "nowhere", key, &thing);
    let transaction = aws.outbox("things").unwrap().transaction(write);
    let error = transaction.event(&Renamed).commit().await.unwrap_err();
    let message = format!("{error:?}");
    assert!(message.contains("InMemoryAws::create_table"), "{message}");
}

/// Where the key is not the aggregate id, the first events also write a claim.
#[tokio::test(start_paused = true)]
async fn an_aggregate_is_claimed_for_one_item() {
    let aws = InMemoryAws::new();
    let key = KeySchema::partition_key("pk");
    aws.create_table("things", key.clone());
    let outbox = aws.outbox("things").unwrap();
    let commit = async |pk: &str| {
        let thing = Thing { pk: pk.into() };
        let write = AggregateWrite::create("thing#1", "things", key.clone(), &thing);
        outbox.transaction(write).event(&Renamed).commit().await
    };
    commit("here").await.unwrap();
    assert!(
        aws.item("things", &["thing#1"])
            .unwrap()
            .contains_key("claimedFor")
    );
    let elsewhere = commit("there").await;
    assert!(matches!(elsewhere, Err(CommitError::ConditionFailed(_))));
}
