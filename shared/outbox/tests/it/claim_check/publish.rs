//! Large data on its way into S3.

use outbox::{
    AggregateWrite, CommitError, DomainEvent, EventData, KeySchema, Problem, Transaction,
    claim_check::{ClaimCheck, StoreError},
};
use outbox_testing::{Fault, InMemoryAws, Operation};
use serde::Serialize;
use serde_json::json;

use super::s3::{bucket, claim_check, error, responding, with_default_limit};

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Made(pub(super) serde_json::Value);

impl DomainEvent for Made {
    fn event_type(&self) -> &'static str {
        "ReportMade"
    }
}

/// Returns an event whose JSON has so many bytes.
pub(super) fn made(bytes: usize) -> Made {
    Made("x".repeat(bytes - 2).into())
}

pub(super) fn services() -> InMemoryAws {
    let aws = InMemoryAws::new();
    aws.create_table("reports", KeySchema::partition_key("pk"));
    aws
}

pub(super) fn change(aws: &InMemoryAws) -> Transaction {
    let key = KeySchema::partition_key("pk");
    let report = json!({"pk": "report#1"});
    let write = AggregateWrite::create("report#1", "reports", key, &report);
    aws.outbox("reports").unwrap().transaction(write)
}

#[tokio::test]
async fn data_over_the_limit_is_an_object_and_the_event_refers_to_it() {
    let (aws, (stub, objects)) = (services(), bucket().await);
    let claim_check = claim_check(&stub);
    let transaction = change(&aws).event(&made(100)).event(&made(101));
    let transaction = transaction.store_large_data(&claim_check).await.unwrap();
    assert!(aws.appended().is_empty(), "the object is written first");
    let committed = transaction.commit().await.unwrap();

    let events = aws.appended();
    assert_eq!(events[0].data, data(100));
    assert_eq!(events[0].extensions().count(), 0);
    let id = committed.events[1].event_id().unwrap();
    assert_eq!(events[1].data, EventData::default());
    let reference = format!("s3://large/claim-check/{id}");
    assert_eq!(events[1].extension("dataref"), Some(&reference.into()));
    assert_eq!(events[1].extension("datarefbytes"), Some(&101.into()));

    let objects = objects.all();
    let object = &objects[&format!("/large/claim-check/{id}")];
    assert_eq!((objects.len(), object.len()), (1, 101));
    for (event, bytes) in events.iter().zip([100, 101]) {
        assert_eq!(claim_check.data_of(event).await.unwrap(), data(bytes));
    }
}

fn data(bytes: usize) -> EventData {
    let json = serde_json::to_string(&made(bytes)).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[tokio::test]
async fn by_default_data_above_200_kb_is_large() {
    let (aws, (stub, objects)) = (services(), bucket().await);
    let claim_check = with_default_limit(&stub);
    for (bytes, expected) in [(200 * 1024, 0), (200 * 1024 + 1, 1)] {
        let transaction = change(&aws).event(&made(bytes));
        let stored = transaction.store_large_data(&claim_check).await;
        drop(stored.unwrap());
        assert_eq!(objects.all().len(), expected, "{bytes}");
    }
}

#[tokio::test]
async fn an_event_larger_than_an_item_can_be_published() {
    let (aws, (stub, _objects)) = (services(), bucket().await);
    let claim_check = claim_check(&stub);
    let transaction = change(&aws).event(&made(5_000_000));
    let transaction = transaction.store_large_data(&claim_check).await.unwrap();
    transaction.commit().await.unwrap();
    let read = claim_check.data_of(&aws.appended()[0]).await.unwrap();
    assert_eq!(read, data(5_000_000));
}

#[tokio::test]
async fn nothing_is_committed_if_s3_rejects_the_object() {
    let aws = services();
    let stub = responding(error(403, "AccessDenied")).await;
    let transaction = change(&aws).event(&made(101));
    let stored = transaction.store_large_data(&claim_check(&stub)).await;
    let error = stored.err().unwrap();
    assert!(matches!(error, StoreError::Put { .. }));
    let message = error.to_string();
    assert!(
        message.starts_with("the data of an event could not be stored as s3://large/claim-check/"),
        "{message}"
    );
    assert!(aws.appended().is_empty());
}

#[tokio::test]
async fn a_commit_that_is_repeated_refers_to_the_same_object() {
    let (aws, (stub, objects)) = (services(), bucket().await);
    aws.fail_next(Operation::TransactWriteItems, Fault::denied());
    let transaction = change(&aws).event(&made(101));
    let claim_check = claim_check(&stub);
    let transaction = transaction.store_large_data(&claim_check).await.unwrap();
    let denied = transaction.commit().await.unwrap_err();
    assert!(matches!(denied, CommitError::Refused { .. }));
    let again = transaction.store_large_data(&claim_check).await.unwrap();
    again.commit().await.unwrap();
    assert_eq!(objects.all().len(), 1);
    let read = claim_check.data_of(&aws.appended()[0]).await.unwrap();
    assert_eq!(read, data(101));
}

#[tokio::test]
async fn even_without_a_limit_data_is_stored_once() {
    let (aws, (stub, objects)) = (services(), bucket().await);
    let claim_check = claim_check(&stub).with_limit(0);
    let transaction = change(&aws).event(&made(2)).event(&Made(json!(null)));
    let store = async |transaction: Transaction| {
        let stored = transaction.store_large_data(&claim_check).await;
        stored.unwrap()
    };
    store(store(transaction).await)
        .await
        .commit()
        .await
        .unwrap();
    assert_eq!(objects.all().len(), 1);
}

/// Returns the problems of a transaction with this event, once its data is stored.
async fn problems_of(event: &Made, claim_check: &ClaimCheck) -> Vec<Problem> {
    let transaction = change(&services()).event(event);
    let transaction = transaction.extension("datarefbytes", 1);
    let transaction = transaction.store_large_data(claim_check).await.unwrap();
    match transaction.commit().await.unwrap_err() {
        CommitError::Invalid(invalid) => invalid.problems,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn invalid_data_is_reported_and_not_stored() {
    let (stub, objects) = bucket().await;
    let number = 9_007_199_254_740_993_u64;
    let event = Made(json!({"text": "x".repeat(100), "number": number}));
    let problems = problems_of(&event, &claim_check(&stub)).await;
    let [Problem::UnsafeNumber { event: 0, path }] = &problems[..] else {
        panic!("{problems:?}");
    };
    assert_eq!(path, "data.number");
    assert!(objects.all().is_empty());
}

#[tokio::test]
async fn a_service_cannot_set_the_extensions_of_a_reference_itself() {
    let (stub, _objects) = bucket().await;
    let problems = problems_of(&made(101), &claim_check(&stub)).await;
    assert_eq!(
        problems[0].to_string(),
        r#"event 0: the extension "datarefbytes" is set twice"#
    );
}
