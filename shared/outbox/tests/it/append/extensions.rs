//! The extensions of events: set by a service, checked, and carried to consumers.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    AggregateWrite, CloudEvent, DomainEvent, ExtensionFault, ExtensionValue, Participant, Problem,
    ports::{Edit, ParkedRows},
    replay::check_detail,
};
use outbox_testing::InMemoryAws;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::fixture::*;
use crate::{
    memory::{Rows, start},
    replay::dead_letters::{dead_letter, reference, run, settled},
};

/// An event with extensions of its own.
#[derive(Serialize)]
struct Marked {
    name: &'static str,
    #[serde(skip)]
    marks: Vec<(String, ExtensionValue)>,
}

impl DomainEvent for Marked {
    fn event_type(&self) -> &'static str {
        "Marked"
    }

    fn extensions(&self) -> Vec<(&str, ExtensionValue)> {
        let marks = self.marks.iter();
        marks
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect()
    }
}

fn marked<const N: usize>(marks: [(&str, ExtensionValue); N]) -> Marked {
    let marks = marks.map(|(name, value)| (name.to_owned(), value));
    Marked {
        name: "new",
        marks: marks.into(),
    }
}

fn thing() -> AggregateWrite {
    AggregateWrite::create("thing#a", "things", things_key(), &json!({"pk": "thing#a"}))
}

/// Services in memory with a table of things.
fn in_memory() -> InMemoryAws {
    let aws = InMemoryAws::starting_at(start());
    aws.create_table("things", things_key());
    aws
}

#[tokio::test]
async fn extensions_are_attributes_of_the_detail_of_every_event_or_of_one() {
    let fixture = Fixture::start().await;
    let transaction = fixture
        .create("a")
        .extension("tenantid", "t-17")
        .event(&renamed())
        .event(&marked([("large", true.into()), ("weight", (-7).into())]));
    transaction.commit().await.unwrap();
    let details: Vec<Value> = fixture
        .rows()
        .await
        .iter()
        .map(|row| serde_json::from_str(&row.detail).unwrap())
        .collect();
    for detail in &details {
        assert_eq!(detail["tenantid"], "t-17");
    }
    assert_eq!(details[0].get("large"), None);
    assert_eq!(details[1]["large"], true);
    assert_eq!(details[1]["weight"], -7);
}

#[tokio::test]
async fn every_fault_of_an_extension_is_reported_with_its_event_before_anything_is_sent() {
    let fixture = Fixture::start().await;
    let transaction = fixture
        .create("a")
        .event(&renamed())
        .event(&marked([
            ("Tenant\u{1b}", "t".into()),
            ("tenantid", "t-18".into()),
            ("large", true.into()),
            ("large", false.into()),
            ("data", "\u{9b}".into()),
        ]))
        .extension("tenantid", "")
        .extension("averyverylongextensi0", 1)
        .correlation_id("");
    let problems = problems(transaction.commit().await.unwrap_err());
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "correlationid is empty, leave it out instead",
        r#"the extension "tenantid" is empty, leave it out instead"#,
        r#"the extension "averyverylongextensi0" has an invalid name: 1 to 20 characters are allowed, a to z and 0 to 9"#,
        r#"event 1: the extension "Tenant\u{1b}" has an invalid name: 1 to 20 characters are allowed, a to z and 0 to 9"#,
        r#"event 1: the extension "tenantid" is set twice"#,
        r#"event 1: the extension "large" is set twice"#,
        r#"event 1: the extension "data" has the name of an attribute that CloudEvents or the outbox library uses"#,
        r#"event 1: the extension "data" has the control character U+009B at index 0"#,
    ];
    assert_eq!(messages, expected);
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn no_attribute_of_cloud_events_or_the_library_can_be_set() {
    let fixture = Fixture::start().await;
    let reserved = [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "data",
        "data_base64",
        "sequence",
        "sequencetype",
        "traceparent",
        "tracestate",
        "correlationid",
        "causationid",
    ];
    let transaction = fixture.create("a").event(&renamed());
    let transaction = reserved.iter().fold(transaction, |transaction, name| {
        transaction.extension(*name, "1")
    });
    let problems = problems(transaction.commit().await.unwrap_err());
    let expected = reserved.map(|name| Problem::Extension {
        event: None,
        name: name.to_owned(),
        fault: ExtensionFault::Reserved,
    });
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn the_longest_and_the_shortest_name_are_valid() {
    let fixture = Fixture::start().await;
    let transaction = fixture.create("a").event(&renamed());
    let transaction = transaction.extension("averyverylongextensi", 1);
    transaction.extension("0", 1).commit().await.unwrap();
}

#[tokio::test]
async fn extensions_count_as_bytes_of_the_event() {
    let fixture = Fixture::start().await;
    let with = |bytes: usize| {
        let transaction = fixture.create("a").event(&renamed());
        transaction.extension("text", "x".repeat(bytes))
    };
    let most = outbox::limits::MAX_ITEM_BYTES;
    let problems = problems(with(most).commit().await.unwrap_err());
    let [Problem::ItemTooLarge { participant, bytes }] = problems[..] else {
        panic!("{problems:?}");
    };
    assert_eq!(participant, Participant::Event(0));
    let overhead = bytes - most;
    assert!(with(most - overhead + 1).commit().await.is_err());
    with(most - overhead).commit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_edited_event_keeps_its_extensions() {
    let aws = in_memory();
    let transaction = aws.outbox("things").unwrap().transaction(thing());
    let transaction = transaction.extension("tenantid", "t-17").event(&renamed());
    let key = transaction.commit().await.unwrap().events.remove(0);
    aws.park_row(&key);
    let row = aws.with(|services| services.table.row(&key).unwrap().row().cloned());
    let row = row.unwrap();
    let edited = row.detail.replace(r#""new""#, r#""newer""#);
    assert_eq!(check_detail(&row, &edited), Ok(()));
    let edit = Edit {
        by: "arn:aws:iam::1:user/ada".to_owned(),
        at: start(),
        seen: row.detail.clone(),
        detail: edited,
    };
    assert_eq!(aws.replace_detail(&key, &edit).await, Ok(true));
    tokio::time::advance(Duration::from_mins(1)).await;
    aws.sweep(SignedDuration::ZERO).await;
    let published = aws.published();
    assert_eq!(published[0].data.as_json(), r#"{"name":"newer"}"#);
    assert_eq!(published[0].extension("tenantid"), Some(&"t-17".into()));
}

#[tokio::test(start_paused = true)]
async fn a_replayed_event_keeps_its_extensions() {
    let aws = in_memory();
    let transaction = aws.outbox("things").unwrap().transaction(thing());
    let transaction = transaction.extension("tenantid", "t-17").event(&renamed());
    let key = transaction.commit().await.unwrap().events.remove(0);
    dead_letter(&aws, reference(&key));
    let (_, outcomes) = run(&aws).await;
    assert_eq!(outcomes[0].1, settled(1, 0));
    assert_eq!(
        aws.published()[0].extension("tenantid"),
        Some(&"t-17".into())
    );
}

fn value() -> impl Strategy<Value = ExtensionValue> {
    prop_oneof![
        "\\PC{1,40}".prop_map(ExtensionValue::from),
        any::<bool>().prop_map(ExtensionValue::from),
        any::<i32>().prop_map(ExtensionValue::from),
    ]
}

fn extensions() -> impl Strategy<Value = Vec<(String, ExtensionValue)>> {
    let extensions = proptest::collection::btree_map("[a-z0-9]{1,20}", value(), 0..6);
    extensions.prop_map(|extensions| extensions.into_iter().collect())
}

/// Returns the event of a transaction with these extensions, as it arrives on the bus.
async fn published_with(
    of_all: &[(String, ExtensionValue)],
    own: Vec<(String, ExtensionValue)>,
) -> CloudEvent {
    let aws = in_memory();
    let transaction = aws.outbox("things").unwrap().transaction(thing());
    let event = Marked {
        name: "new",
        marks: own,
    };
    let set = of_all.iter().cloned();
    let transaction = set.fold(transaction.event(&event), |transaction, (name, value)| {
        transaction.extension(name, value)
    });
    transaction.commit().await.unwrap();
    aws.with_relay(aws.wait_until_published()).await;
    aws.published().remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_valid_extensions_reach_consumers(of_all in extensions(), own in extensions()) {
        let reserved = ["id", "type", "time", "data"];
        let mut of_all = of_all;
        of_all.retain(|(name, _)| !reserved.contains(&name.as_str()));
        let mut own = own;
        let is_set = |name: &String| of_all.iter().any(|(other, _)| other == name);
        own.retain(|(name, _)| !reserved.contains(&name.as_str()) && !is_set(name));

        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        let event = runtime.block_on(published_with(&of_all, own.clone()));
        let mut expected = [of_all, own].concat();
        expected.sort_by(|(a, _), (b, _)| a.cmp(b));
        let found = event.extensions().map(|(name, value)| (name.to_owned(), value.clone()));
        prop_assert_eq!(found.collect::<Vec<_>>(), expected);
        prop_assert_eq!(event.data.as_json(), r#"{"name":"new"}"#);
    }
}
