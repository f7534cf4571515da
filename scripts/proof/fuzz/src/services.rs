//! The services around a relay, in memory, and what must hold of them after any input.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, DeadLetter, EntryError, Poison},
    replay::Letter,
};
use outbox_testing::{Call, Fault, Happened, InMemoryAws, Operation};

/// What keeps things from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    NoBus,
    /// The bus rejects every event for its content.
    Rejected,
    /// The table responds to no look-up.
    NoLookUps,
}

pub(crate) fn start() -> Timestamp {
    Timestamp::constant(1_795_510_800, 500_000_000)
}

/// Returns services with this trouble.
pub(crate) fn in_memory(trouble: Trouble) -> InMemoryAws {
    let aws = InMemoryAws::starting_at(start());
    match trouble {
        Trouble::None => {}
        Trouble::NoBus => aws.delete_bus(),
        Trouble::Rejected => aws.set_fault_plan(reject_events),
        Trouble::NoLookUps => {
            let silent = CallError::Transient("silent".to_owned());
            aws.fail_always(Operation::BatchGetItem, Fault::Error(silent));
        }
    }
    aws
}

fn reject_events(call: &Call<'_>) -> Option<Fault> {
    let poison = EntryError::Content(Poison {
        code: "InvalidArgument".to_owned(),
        message: "no".to_owned(),
    });
    let entries = (0..call.rows.len()).map(|index| (index, poison.clone()));
    let entries: BTreeMap<usize, EntryError> = entries.collect();
    (call.operation == Operation::PutEvents).then_some(Fault::Rejected(entries))
}

/// Writes an item with nothing but this key: enough for a look-up to find it.
pub(crate) fn write_key(aws: &InMemoryAws, key: &RowKey) {
    if is_key(key) {
        let item = serde_dynamo::to_item(key).expect("a key is an item");
        aws.with(|services| services.table.write(item));
    }
}

/// Returns whether DynamoDB accepts it: it rejects a whole request for one key that it
/// doesn't.
pub(crate) fn is_key(key: &RowKey) -> bool {
    (1..=2048).contains(&key.aggregate_id.len()) && (1..=1024).contains(&key.position.len())
}

/// Returns the dead letters in the queue, each of which can be read.
pub(crate) fn letters(aws: &InMemoryAws) -> Vec<DeadLetter> {
    let bodies: Vec<String> = aws.with(|services| {
        let messages = services.queue.messages().iter();
        messages.map(|queued| queued.message.body.clone()).collect()
    });
    let read = |body: &String| match Letter::parse(body) {
        Ok(Letter::Reference(letter)) => letter,
        other => panic!("{body} is read as {other:?}"),
    };
    bodies.iter().map(read).collect()
}

/// Checks what holds whatever the input was.
pub(crate) fn assert_sound(aws: &InMemoryAws, trouble: Trouble) {
    aws.assert_promises_kept();
    let happened = aws.happened();
    let accepted = happened.iter().filter_map(|happened| match happened {
        Happened::Accepted(key) => Some(key),
        _ => None,
    });
    let accepted: HashSet<&RowKey> = accepted.collect();
    let puts = aws.calls(Operation::PutEvents);
    if trouble == Trouble::NoBus {
        assert!(puts.is_empty(), "put on no bus");
    }
    if trouble == Trouble::None {
        // The relay sends nothing that the bus would reject for its content.
        for key in puts.iter().flat_map(|call| &call.rows) {
            assert!(accepted.contains(key), "{key:?} was rejected");
        }
    }
    for key in aws.parked() {
        assert!(!accepted.contains(&key), "{key:?} is published and parked");
    }
    aws.with(|services| {
        let marks = services
            .table
            .rows()
            .filter_map(|(_, row)| row.stored().parked.as_ref());
        for mark in marks {
            assert!(!mark.code().is_empty());
        }
    });
    for call in [Operation::BatchGetItem, Operation::BatchWriteItem]
        .map(|of| aws.calls(of))
        .concat()
    {
        let distinct: HashSet<&RowKey> = call.rows.iter().collect();
        assert_eq!(
            distinct.len(),
            call.rows.len(),
            "a key twice in {:?}",
            call.rows
        );
        assert!(!call.rows.is_empty(), "no keys");
    }
}
