//! Whatever append accepts is read back equal, in the documented way.

use std::collections::BTreeMap;

use outbox::{AggregateWrite, CloudEvent, CommitError, DomainEvent, KeySchema, Outbox, Versioned};
use proptest::{collection, prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};

use super::fixture::Fixture;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    text: String,
    signed: i64,
    unsigned: u64,
    double: f64,
    single: f32,
    letter: char,
    pair: (u8, String),
    nested: Vec<Vec<i32>>,
    maybe: Option<Box<Step>>,
    steps: BTreeMap<u32, Step>,
    offsets: BTreeMap<i64, f64>,
    flags: BTreeMap<bool, u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Step {
    Open,
    NamedRows(String),
    Measured(f64, i8),
    Moved { to: BTreeMap<u8, String> },
}

/// The state as it is in the item.
#[derive(Serialize)]
struct Item<'s> {
    pk: &'s str,
    #[serde(flatten)]
    state: &'s State,
}

struct Changed<'s>(&'s State);

impl Serialize for Changed<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl DomainEvent for Changed<'_> {
    fn event_type(&self) -> &'static str {
        "Changed"
    }
}

/// Mostly numbers that both JSON and an item can contain; sometimes any.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e9..1e9_f64,
        1 => proptest::num::f64::ANY,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Open),
        any::<String>().prop_map(Step::NamedRows),
        (double(), any::<i8>()).prop_map(|(a, b)| Step::Measured(a, b)),
        collection::btree_map(any::<u8>(), any::<String>(), 0..3).prop_map(|to| Step::Moved { to }),
    ]
}

fn state() -> impl Strategy<Value = State> {
    let integer = prop_oneof![8 => -1_000_000..1_000_000_i64, 1 => any::<i64>()];
    let natural = prop_oneof![8 => 0..1_000_000_u64, 1 => any::<u64>()];
    let single = prop_oneof![8 => -1e9..1e9_f32, 1 => proptest::num::f32::ANY];
    let maps = (
        collection::btree_map(any::<u32>(), step(), 0..3),
        collection::btree_map(any::<i64>(), double(), 0..3),
        collection::btree_map(any::<bool>(), any::<u8>(), 0..3),
    );
    let scalars = (
        any::<String>(),
        integer,
        natural,
        double(),
        single,
        any::<char>(),
    );
    let others = (
        any::<(u8, String)>(),
        collection::vec(collection::vec(any::<i32>(), 0..3), 0..3),
        proptest::option::of(step().prop_map(Box::new)),
    );
    (scalars, others, maps).prop_map(|(scalars, others, maps)| State {
        text: scalars.0,
        signed: scalars.1,
        unsigned: scalars.2,
        double: scalars.3,
        single: scalars.4,
        letter: scalars.5,
        pair: others.0,
        nested: others.1,
        maybe: others.2,
        steps: maps.0,
        offsets: maps.1,
        flags: maps.2,
    })
}

/// Returns whether it was accepted.
async fn is_accepted_and_read_back(fixture: &Fixture, id: &str, state: &State) -> bool {
    let outbox: &Outbox = &fixture.outbox;
    let item = Item { pk: id, state };
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create(id, "things", key, &item);
    let transaction = outbox.transaction(write).event(&Changed(state));
    let committed = match transaction.commit().await {
        Ok(committed) => committed,
        Err(CommitError::Invalid(_)) => return false,
        Err(other) => panic!("checked before it is sent: {other}"),
    };

    let get = fixture.client.get_item().table_name("things");
    let get = get.key("pk", super::fixture::text(id)).send().await;
    let item = get.unwrap().item.unwrap();
    let read = Versioned::<State>::from_item(item).unwrap();
    assert_eq!(&read.state, state);
    assert_eq!(read.revision, committed.revision);

    let rows = fixture.rows().await;
    let row = rows.iter().find(|row| row.key == committed.events[0]);
    let event: CloudEvent = serde_json::from_str(&row.unwrap().detail).unwrap();
    assert_eq!(&event.data.parse::<State>().unwrap(), state);
    true
}

#[test]
fn accepted_values_are_read_back_equal_from_item_and_event() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::start());
    let accepted = std::cell::Cell::new(0_u32);
    let count = std::cell::Cell::new(0_u32);
    TestRunner::new(ProptestConfig::with_cases(200))
        .run(&state(), |state| {
            count.set(count.get() + 1);
            let id = format!("thing#{}", count.get());
            let is_accepted = runtime.block_on(is_accepted_and_read_back(&fixture, &id, &state));
            accepted.set(accepted.get() + u32::from(is_accepted));
            Ok(())
        })
        .unwrap();
    assert!(accepted.get() > 50, "only {} were accepted", accepted.get());
}
