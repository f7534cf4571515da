//! Numbers of an event, from its type to the row.

use outbox::{CloudEvent, DomainEvent, Problem};
use serde::Serialize;
use serde_json::value::RawValue;

use super::fixture::*;

#[derive(Serialize)]
struct Measured<T> {
    of: Of<T>,
}

#[derive(Serialize)]
struct Of<T> {
    values: Vec<T>,
}

impl<T: Serialize> DomainEvent for Measured<T> {
    fn event_type(&self) -> &'static str {
        "Measured"
    }
}

fn measured<T>(value: T) -> Measured<T> {
    let values = vec![value];
    Measured { of: Of { values } }
}

#[tokio::test]
async fn a_number_that_json_cannot_express_is_an_error_with_its_path() {
    let fixture = Fixture::start().await;
    let transaction = fixture
        .create("a")
        .event(&measured(f64::NAN))
        .event(&measured(f32::NEG_INFINITY));
    let problems = problems(transaction.commit().await.unwrap_err());
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "event 0: of.values[0]: JSON has no number NaN",
            "event 1: of.values[0]: JSON has no number -inf"
        ]
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn a_number_is_in_the_event_as_its_type_writes_it() {
    let fixture = Fixture::start().await;
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    let transaction = fixture
        .create("a")
        .event(&measured(5.55_f32))
        .event(&measured(1.577_777_777_777_000_1_f64))
        .event(&measured(raw("1.50")))
        .event(&measured(1_u128));
    transaction.commit().await.unwrap();
    let rows = fixture.rows().await;
    let data: Vec<String> = rows
        .iter()
        .map(|row| serde_json::from_str::<CloudEvent>(&row.detail).unwrap())
        .map(|event| event.data.as_json().to_owned())
        .collect();
    assert_eq!(
        data,
        [
            r#"{"of":{"values":[5.55]}}"#,
            r#"{"of":{"values":[1.5777777777770001]}}"#,
            r#"{"of":{"values":[1.50]}}"#,
            r#"{"of":{"values":[1]}}"#,
        ]
    );
}

#[tokio::test]
async fn a_number_that_readers_would_change_is_an_error() {
    let fixture = Fixture::start().await;
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    for transaction in [
        fixture.create("a").event(&measured(u128::MAX)),
        fixture.create("a").event(&measured(raw("-1e400"))),
        fixture.create("a").event(&measured(i64::MIN)),
    ] {
        let problems = problems(transaction.commit().await.unwrap_err());
        let path = "data.of.values[0]".to_owned();
        assert_eq!(problems, [Problem::UnsafeNumber { event: 0, path }]);
    }
}
