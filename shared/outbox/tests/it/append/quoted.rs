//! No error quotes what is in an event or an aggregate: errors are logged.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::{AggregateWrite, CommitError, DomainEvent, Transaction, Versioned};
use serde::{Deserialize, Serialize, Serializer, ser::Error};
use serde_json::{json, value::RawValue};

use super::fixture::*;

/// What must not be in any error.
const SECRET: &str = "5105105105105100";

/// A value that can't be serialized, and says why in its own words.
struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(format!("{SECRET} is not a card")))
    }
}

#[derive(Serialize)]
struct Paid<T> {
    card: T,
}

impl<T: Serialize> DomainEvent for Paid<T> {
    fn event_type(&self) -> &'static str {
        "Paid"
    }
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only errors matter")]
struct Account {
    card: Option<u8>,
    #[serde(default)]
    kind: Kind,
}

#[derive(Debug, Default, Deserialize)]
enum Kind {
    #[default]
    Personal,
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[tokio::test]
async fn no_error_of_a_commit_quotes_an_event_or_an_item() {
    let fixture = Fixture::start().await;
    let digits = SECRET.repeat(3);
    let of_item =
        |item: &dyn Fn() -> AggregateWrite| fixture.outbox.transaction(item()).event(&renamed());
    let number = HashMap::from([("N", digits.clone())]);
    let item: serde_dynamo::AttributeValue = serde_json::from_value(json!(number)).unwrap();
    let put = aws_sdk_dynamodb::types::Put::builder()
        .table_name("things")
        .item("pk", text("x"))
        .item("card", AttributeValue::from(item))
        .build()
        .unwrap();
    let transactions: Vec<(Transaction, &str)> = vec![
        (
            fixture.create("a").event(&Paid {
                card: Unserializable,
            }),
            "event 0: card: it can't be serialized",
        ),
        (
            fixture.create("a").event(&Paid { card: raw(&digits) }),
            "event 0: the number at data.card cannot be carried by JSON exactly, send it as text",
        ),
        (
            of_item(&|| {
                let item = Paid {
                    card: Unserializable,
                };
                AggregateWrite::create("a", "things", things_key(), &item)
            }),
            "aggregate: card: invalid value",
        ),
        (
            fixture.create("a").event(&renamed()).put(put, things_key()),
            "action 0: attribute card: the number has 46 significant digits, DynamoDB keeps 38",
        ),
    ];
    for (transaction, expected) in transactions {
        let error = transaction.commit().await.unwrap_err();
        let texts = [format!("{error}"), format!("{error:?}")];
        for text in texts {
            assert!(!text.contains(SECRET), "{text}");
        }
        let CommitError::Invalid(invalid) = error else {
            panic!("{error:?}");
        };
        let problems: Vec<String> = invalid.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [expected]);
    }
}

#[test]
fn an_unreadable_aggregate_is_described_without_its_values() {
    let number = |number: &str| AttributeValue::N(number.into());
    for (name, value, expected) in [
        ("card", text(SECRET), "card: Expected num"),
        ("card", number(SECRET), "card: invalid value"),
        (
            "kind",
            text(SECRET),
            "kind: unknown variant, expected `Personal`",
        ),
    ] {
        let mut item = HashMap::from([
            ("version".to_owned(), number("1")),
            ("lastSequence".to_owned(), number("1")),
        ]);
        item.insert(name.to_owned(), value);
        let error = Versioned::<Account>::from_item(item).unwrap_err();
        let expected = format!("the item's attributes do not fit the type: {expected}");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        assert!(std::error::Error::source(&error).is_none());
    }
}
