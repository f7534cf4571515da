//! Values that DynamoDB would reject are reported before anything is sent.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Update};
use outbox::{AggregateWrite, KeySchema, Participant, Problem};
use serde::Serialize;

use super::fixture::*;

#[derive(Serialize)]
#[serde(untagged)]
enum Either {
    Text(&'static str),
    Number(f64),
}

fn number(text: &str) -> AttributeValue {
    AttributeValue::N(text.into())
}

#[tokio::test]
async fn a_value_that_dynamodb_rejects_is_named_with_its_path_and_not_sent() {
    let fixture = Fixture::start().await;
    let mut first = put("b");
    first.item.extend([
        ("tags".to_owned(), AttributeValue::Ss(vec![])),
        (
            "deep".to_owned(),
            AttributeValue::L(vec![AttributeValue::M(HashMap::from([(
                "digits".to_owned(),
                number(&"9".repeat(39)),
            )]))]),
        ),
    ]);
    let update = Update::builder()
        .table_name("things")
        .key("pk", text("c"))
        .update_expression("SET a = :a")
        .expression_attribute_values(":a", AttributeValue::Ns(vec!["1".into(), "1.0".into()]))
        .build()
        .unwrap();
    let mut last = put("d");
    last.item.insert("pk".to_owned(), text(&"d".repeat(2_049)));
    let delete = Delete::builder()
        .table_name("things")
        .key("pk", text(""))
        .build()
        .unwrap();
    let transaction = fixture
        .create("a")
        .put(first, things_key())
        .update(update)
        .delete(delete)
        .put(last, things_key());
    let problems = problems(transaction.commit().await.unwrap_err());
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "action 0: attribute deep[0].digits: the number has 39 significant digits, DynamoDB keeps 38".to_owned(),
            "action 0: attribute tags: a set must not be empty".to_owned(),
            "action 1: attribute :a: a set must not hold a value twice".to_owned(),
            "action 2: attribute pk: a key must not be empty".to_owned(),
            "action 3: attribute pk: a key here has at most 2048 bytes, not 2049".to_owned(),
        ]
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn an_aggregate_with_a_number_outside_of_dynamodb_is_rejected() {
    let fixture = Fixture::start().await;
    for value in [f64::NAN, f64::INFINITY, f64::MAX, 1e-200] {
        let item = BTreeMap::from([("pk", Either::Text("a")), ("ratio", Either::Number(value))]);
        let write = AggregateWrite::create("a", "things", things_key(), &item);
        let transaction = fixture.outbox.transaction(write);
        let problems = problems(transaction.commit().await.unwrap_err());
        assert!(
            matches!(&problems[..], [Problem::InvalidValue {
                participant: Participant::Aggregate,
                attribute,
                ..
            }] if attribute == "ratio"),
            "{problems:?}"
        );
    }
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn one_key_written_as_1_and_as_1_0_is_one_item() {
    let fixture = Fixture::start().await;
    let numbered = |text: &str| {
        let put = Put::builder().table_name("numbers").item("n", number(text));
        put.build().unwrap()
    };
    let key = KeySchema::partition_key("n");
    let transaction = fixture
        .create("a")
        .put(numbered("1"), key.clone())
        .put(numbered("1.0"), key);
    assert_eq!(
        problems(transaction.commit().await.unwrap_err()),
        [Problem::SameItem {
            first: Participant::Action(0),
            second: Participant::Action(1),
            item: "numbers[n=1.0]".into(),
        }]
    );
}
