//! One item counts the events of one aggregate.

use aws_sdk_dynamodb::types::{AttributeValue, ScalarAttributeType};
use dynamodb_in_process::create_table;
use outbox::{
    AggregateWrite, CommitError, ConditionFailure, KeySchema, Participant, Problem, Revision,
    Versioned,
};
use serde_json::{Value, json};

use super::fixture::*;

fn collections_key() -> KeySchema {
    KeySchema::partition_key("pk").sort_key("sk")
}

async fn fixture() -> Fixture {
    let fixture = Fixture::start().await;
    create_table(&fixture.client, "collections", "pk", Some("sk")).await;
    fixture
}

impl Fixture {
    /// Creates an aggregate in the item with this key, with one event.
    async fn create_in(&self, id: &str, pk: &str) -> Result<Revision, CommitError> {
        let write = AggregateWrite::create(id, "things", things_key(), &json!({"pk": pk}));
        self.commit(write).await
    }

    async fn create_in_collection(
        &self,
        id: &str,
        [pk, sk]: [&str; 2],
    ) -> Result<Revision, CommitError> {
        let item = json!({"pk": pk, "sk": sk});
        let write = AggregateWrite::create(id, "collections", collections_key(), &item);
        self.commit(write).await
    }

    async fn commit(&self, write: AggregateWrite) -> Result<Revision, CommitError> {
        let transaction = self.outbox.transaction(write).event(&renamed());
        Ok(transaction.commit().await?.revision)
    }

    async fn sequences_of(&self, id: &str) -> Vec<u64> {
        let rows = self.rows().await.into_iter();
        rows.filter(|row| row.key.aggregate_id == id)
            .map(|row| row.sequence)
            .collect()
    }
}

fn failure(committed: Result<Revision, CommitError>) -> (Participant, ConditionFailure) {
    match committed {
        Err(CommitError::ConditionFailed(mut failed)) => {
            let failed = failed.remove(0);
            (failed.participant, failed.failure)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_aggregate_whose_key_is_its_id_is_not_created_in_another_item() {
    let fixture = fixture().await;
    fixture.create_in("A#6", "A#6").await.unwrap();
    let (participant, failure) = failure(fixture.create_in("A#6", "A#7").await);
    assert_eq!(participant, Participant::Claim);
    assert_eq!(failure, ConditionFailure::KeptElsewhere { key: None });
    assert_eq!(fixture.sequences_of("A#6").await, [1]);
}

#[tokio::test]
async fn an_aggregate_in_an_item_with_another_key_is_not_created_twice() {
    let fixture = fixture().await;
    fixture.create_in("A#6", "other").await.unwrap();
    let second = failure(fixture.create_in("A#6", "third").await);
    let kept = ConditionFailure::KeptElsewhere {
        key: Some("pk=other".into()),
    };
    assert_eq!(second, (Participant::Claim, kept.clone()));
    // What is found under its id is the claim, whichever write finds it.
    let created = fixture.create_in("A#6", "A#6").await;
    assert_eq!(failure(created), (Participant::Aggregate, kept.clone()));
    let item = json!({"pk": "A#6"});
    let base = Revision::default();
    let write = AggregateWrite::replace("A#6", "things", things_key(), &item, base);
    let replaced = fixture.commit(write).await;
    assert_eq!(failure(replaced), (Participant::Aggregate, kept));
    assert_eq!(fixture.sequences_of("A#6").await, [1]);
}

#[tokio::test]
async fn collections_hold_aggregates_under_any_key_and_each_once() {
    let fixture = fixture().await;
    let customer = ["customer#7", "order#1"];
    let base = fixture.create_in_collection("order#1", customer).await;
    let elsewhere = fixture
        .create_in_collection("order#1", ["customer#8", "order#1"])
        .await;
    let kept = ConditionFailure::KeptElsewhere {
        key: Some("pk=customer#7, sk=order#1".into()),
    };
    assert_eq!(failure(elsewhere), (Participant::Claim, kept));
    fixture
        .create_in_collection("order#2", ["customer#7", "order#2"])
        .await
        .unwrap();

    let item = json!({"pk": "customer#7", "sk": "order#1"});
    let write = AggregateWrite::replace(
        "order#1",
        "collections",
        collections_key(),
        &item,
        base.unwrap(),
    );
    fixture.commit(write).await.unwrap();
    assert_eq!(fixture.sequences_of("order#1").await, [1, 2]);
    let items: Vec<Value> = dynamodb_in_process::items(&fixture.client, "collections").await;
    let in_collection = items.iter().filter(|item| item["pk"] == "customer#7");
    assert_eq!(in_collection.count(), 2, "no claim among them");
}

#[tokio::test]
async fn an_aggregate_is_claimed_with_its_first_event() {
    let fixture = fixture().await;
    let item = json!({"pk": "other"});
    let write = AggregateWrite::create("A#6", "things", things_key(), &item);
    let base = fixture.outbox.transaction(write).commit().await.unwrap();
    let base = base.revision;
    let write = AggregateWrite::replace("A#6", "things", things_key(), &item, base);
    fixture.commit(write).await.unwrap();
    let second = failure(fixture.create_in("A#6", "third").await);
    assert_eq!(second.0, Participant::Claim);
}

#[tokio::test]
async fn a_change_of_another_aggregates_item_fails() {
    let fixture = fixture().await;
    let base = fixture.create_in("A#7", "A#7").await.unwrap();
    fixture.create_in("A#6", "A#6").await.unwrap();
    let item = json!({"pk": "A#7"});
    let write = AggregateWrite::replace("A#6", "things", things_key(), &item, base);
    let other = ConditionFailure::OtherAggregate { id: "A#7".into() };
    let failed = failure(fixture.commit(write).await);
    assert_eq!(failed, (Participant::Aggregate, other));
    assert_eq!(fixture.sequences_of("A#6").await, [1]);
}

impl Fixture {
    /// Puts an item as it was written before aggregates were named, after five events.
    async fn put_unnamed(&self, key: &[(&str, &str)], table: &str) -> Revision {
        let number = |number: &str| AttributeValue::N(number.into());
        let mut put = self
            .client
            .put_item()
            .table_name(table)
            .item("version", number("5"))
            .item("lastSequence", number("5"));
        for (name, value) in key {
            put = put.item(*name, text(value));
        }
        put.send().await.unwrap();
        Revision {
            version: 5,
            last_sequence: 5,
        }
    }
}

#[tokio::test]
async fn an_unnamed_item_whose_key_is_the_id_is_accepted() {
    let fixture = fixture().await;
    let base = fixture.put_unnamed(&[("pk", "A#6")], "things").await;
    let item = json!({"pk": "A#6"});
    let write = AggregateWrite::replace("A#6", "things", things_key(), &item, base);
    fixture.commit(write).await.unwrap();
    assert_eq!(fixture.sequences_of("A#6").await, [6]);
}

#[tokio::test]
async fn an_unnamed_item_in_a_collection_goes_on_once_it_is_adopted() {
    let fixture = fixture().await;
    let key = [("pk", "customer#7"), ("sk", "order#1")];
    let base = fixture.put_unnamed(&key, "collections").await;
    let item = json!({"pk": "customer#7", "sk": "order#1"});
    let replace =
        |base| AggregateWrite::replace("order#1", "collections", collections_key(), &item, base);
    let refused = fixture.commit(replace(base)).await;
    let not_named = (Participant::Aggregate, ConditionFailure::NotNamed);
    assert_eq!(failure(refused), not_named);
    // Adopting it would not help: another writer was faster.
    for stale in [
        Revision { version: 4, ..base },
        Revision {
            last_sequence: 4,
            ..base
        },
    ] {
        let refused = failure(fixture.commit(replace(stale)).await);
        let expected = ConditionFailure::Stale { found: base };
        assert_eq!(refused, (Participant::Aggregate, expected));
    }

    let base = fixture.commit(replace(base).adopt()).await.unwrap();
    fixture.commit(replace(base)).await.unwrap();
    assert_eq!(fixture.sequences_of("order#1").await, [6, 7]);
    let elsewhere = fixture
        .create_in_collection("order#1", ["customer#8", "order#1"])
        .await;
    assert_eq!(failure(elsewhere).0, Participant::Claim);
}

#[tokio::test]
async fn keys_that_read_alike_are_told_apart() {
    let fixture = fixture().await;
    fixture
        .create_in_collection("A", ["x, sk=y", "z"])
        .await
        .unwrap();
    let other = fixture.create_in_collection("A", ["x", "y, sk=z"]).await;
    assert_eq!(failure(other).0, Participant::Claim);
}

#[tokio::test]
async fn a_numeric_sort_key_is_one_key_however_it_is_written() {
    let fixture = fixture().await;
    let client = &fixture.client;
    dynamodb_in_process::create_table_with(
        client,
        "numbered",
        ("pk", ScalarAttributeType::S),
        Some(("sk", ScalarAttributeType::N)),
    )
    .await;
    let item = json!({"pk": "a", "sk": 1});
    let write = AggregateWrite::create("A", "numbered", collections_key(), &item);
    let base = fixture.outbox.transaction(write).commit().await.unwrap();
    let item = json!({"pk": "a", "sk": 1.0});
    let base = base.revision;
    let write = AggregateWrite::replace("A", "numbered", collections_key(), &item, base);
    fixture.commit(write).await.unwrap();
}

#[tokio::test]
async fn stale_missing_existing_and_unversioned_items_are_distinguished() {
    let fixture = fixture().await;
    let first = fixture.create_in("A#6", "A#6").await.unwrap();
    let replace = |id: &str, base| {
        AggregateWrite::replace(id, "things", things_key(), &json!({"pk": id}), base)
    };
    let second = fixture.commit(replace("A#6", first)).await.unwrap();
    fixture
        .client
        .put_item()
        .table_name("things")
        .item("pk", text("plain"))
        .send()
        .await
        .unwrap();
    for (committed, expected) in [
        (
            fixture.commit(replace("A#6", first)).await,
            ConditionFailure::Stale { found: second },
        ),
        (
            fixture.commit(replace("missing", first)).await,
            ConditionFailure::Missing,
        ),
        (
            fixture.commit(replace("plain", first)).await,
            ConditionFailure::NotVersioned,
        ),
        (
            fixture.create_in("A#6", "A#6").await,
            ConditionFailure::AlreadyExists,
        ),
    ] {
        let error = committed.unwrap_err();
        assert!(
            format!("{error:?}").contains(&expected.to_string()),
            "{error:?}"
        );
        assert_eq!(failure(Err(error)), (Participant::Aggregate, expected));
    }
}

#[tokio::test]
async fn attributes_of_the_library_are_rejected_in_an_item() {
    let fixture = fixture().await;
    let problems_of = async |item: Value| {
        let write = AggregateWrite::create("A#6", "things", things_key(), &item);
        let committed = fixture.outbox.transaction(write).commit().await;
        match committed {
            Ok(_) => Vec::new(),
            Err(error) => problems(error),
        }
    };
    for (attribute, value) in [
        ("version", json!("v1.2")),
        ("version", json!(1)),
        ("version", json!("A#6")),
        ("lastSequence", json!(0)),
        ("aggregateId", json!("A#7")),
        ("claimedFor", json!({"pk": "A#7"})),
    ] {
        let mut item = json!({"pk": "A#6"});
        item[attribute] = value;
        let expected = [Problem::ReservedAttribute { attribute }];
        assert_eq!(problems_of(item).await, expected);
    }
    let its_own = json!({"pk": "A#6", "aggregateId": "A#6"});
    assert_eq!(problems_of(its_own).await, []);
}

#[tokio::test]
async fn a_partition_key_that_cannot_hold_a_claim_is_named() {
    let fixture = fixture().await;
    let item = json!({"pk": 6});
    let write = AggregateWrite::create("A#6", "things", things_key(), &item);
    let error = fixture.commit(write).await.unwrap_err();
    assert_eq!(
        problems(error)[0].to_string(),
        "aggregate: the partition key \"pk\" is a number, which cannot hold the aggregate id: use text"
    );
}

#[tokio::test]
async fn an_item_is_read_as_state_and_revision() {
    let fixture = fixture().await;
    let written = fixture.create_in("A#6", "A#6").await.unwrap();
    let item = fixture.client.get_item().table_name("things");
    let item = item.key("pk", text("A#6")).send().await.unwrap().item;
    let read = Versioned::<Value>::from_item(item.unwrap()).unwrap();
    assert_eq!(read.revision, written);
    // The state can be written again.
    assert_eq!(read.state, json!({"pk": "A#6", "aggregateId": "A#6"}));
    let write = AggregateWrite::replace("A#6", "things", things_key(), &read.state, written);
    fixture.commit(write).await.unwrap();

    let plain = [("pk".to_owned(), AttributeValue::S("plain".into()))];
    let error = Versioned::<Value>::from_item(plain.into()).unwrap_err();
    assert!(error.to_string().contains("no version and lastSequence"));
}
