//! The names of an event: of its aggregate, its type, its source and what it belongs to.

use aws_sdk_dynamodb::Client;
use outbox::{AggregateWrite, DomainEvent, Outbox, Problem, Transaction};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::json;

use super::fixture::*;

/// Sets the title of the terminal.
const HOSTILE: &str = "a\u{1b}]0;title\u{7}";

#[derive(Serialize)]
struct Named {
    #[serde(skip)]
    event_type: String,
    #[serde(skip)]
    data_schema: Option<String>,
}

impl DomainEvent for Named {
    fn event_type(&self) -> &str {
        &self.event_type
    }

    fn data_schema(&self) -> Option<&str> {
        self.data_schema.as_deref()
    }
}

fn named(event_type: &str, data_schema: Option<&str>) -> Named {
    Named {
        event_type: event_type.to_owned(),
        data_schema: data_schema.map(str::to_owned),
    }
}

/// Returns a transaction of an aggregate with this id.
fn change_of(fixture: &Fixture, id: &str) -> Transaction {
    let write = AggregateWrite::create(id, "things", things_key(), &json!({"pk": "a"}));
    fixture.outbox.transaction(write)
}

#[tokio::test]
async fn a_control_character_in_a_name_is_an_error_that_says_where() {
    let fixture = Fixture::start().await;
    let change = |id| change_of(&fixture, id);
    let fine = || named("Renamed", Some("urn:renamed:1"));
    for (transaction, expected) in [
        (
            change(HOSTILE).event(&fine()),
            "the aggregate id has the control character U+001B at index 1",
        ),
        (
            change("a").event(&fine()).event(&named(HOSTILE, None)),
            "event 1: the type has the control character U+001B at index 1",
        ),
        (
            change("a").event(&named("Renamed", Some("urn:\u{9b}"))),
            "event 0: the dataschema has the control character U+009B at index 4",
        ),
        (
            change("a").event(&fine()).correlation_id("request\n1"),
            "the correlationid has the control character U+000A at index 7",
        ),
        (
            change("a").event(&fine()).causation_id("\u{7f}"),
            "the causationid has the control character U+007F at index 0",
        ),
    ] {
        let problems = problems(transaction.commit().await.unwrap_err());
        let [problem] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert!(matches!(problem, Problem::ControlCharacter { .. }));
        assert_eq!(problem.to_string(), expected);
    }
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn names_in_any_script_are_written() {
    let fixture = Fixture::start().await;
    let transaction = change_of(&fixture, "bestellung#Zoë/東京 שלום");
    let event = named("Geändert", Some("urn:geändert:1"));
    let transaction = transaction.event(&event).correlation_id("№ 1");
    transaction.commit().await.unwrap();
    let rows = fixture.rows().await;
    assert_eq!(rows[0].key.aggregate_id, "bestellung#Zoë/東京 שלום");
    assert_eq!(rows[0].detail_type, "Geändert");
}

fn outbox_of(source: &str) -> Result<Outbox, String> {
    let config = aws_sdk_dynamodb::Config::builder().behavior_version_latest();
    let client = Client::from_conf(config.build());
    Outbox::new(client, "outbox", source).map_err(|error| error.to_string())
}

#[test]
fn a_source_has_no_control_character() {
    for source in ["orders", "Bestellungen/東京"] {
        assert!(outbox_of(source).is_ok(), "{source}");
    }
    let error = outbox_of(HOSTILE).err().unwrap();
    assert_eq!(
        error,
        "the source of events has the control character U+001B at index 1"
    );
    for source in ["", "aws.\u{1b}", &"\u{9b}".repeat(257)] {
        let error = outbox_of(source).err().unwrap();
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

proptest! {
    #[test]
    fn no_error_about_a_name_has_a_control_character(name in "[\\PC\\pC]{0,40}") {
        let outbox = outbox_of(&name);
        let is_valid = !name.is_empty() && !name.starts_with("aws.");
        prop_assert_eq!(outbox.is_ok(), is_valid && !name.contains(char::is_control));
        if let Err(error) = outbox {
            prop_assert!(!error.contains(char::is_control), "{:?}", error);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let invalid = runtime.unwrap().block_on(async {
            let write = AggregateWrite::create(&name, "t", things_key(), &json!({"pk": "a"}));
            // Too many actions, so that nothing is ever sent.
            let outbox = outbox_of("orders").unwrap();
            let event = named(&name, Some(&name));
            let events = std::iter::repeat_n(&event, 101);
            outbox.transaction(write).events(events).commit().await
        });
        let problems = problems(invalid.unwrap_err());
        let about_names = |problem: &&Problem| matches!(problem, Problem::ControlCharacter { .. });
        let found = problems.iter().filter(about_names).count();
        let expected = if name.contains(char::is_control) { 1 + 2 * 101 } else { 0 };
        prop_assert_eq!(found, expected);
        for problem in problems {
            prop_assert!(!problem.to_string().contains(char::is_control), "{problem}");
        }
    }
}
