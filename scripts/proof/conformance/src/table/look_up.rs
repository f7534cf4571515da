//! `OutboxTable::look_up`.

use std::collections::BTreeMap;

use outbox::{
    RowKey,
    ports::{LOOK_UP_KEYS, OutboxTable, RowState},
};

use super::{
    Fixture,
    read::state,
    written::{keys, mark, put_rows},
};
use crate::rows::row;

/// `BatchGetItem` leaves out missing items. The count of edits remains when the mark is
/// removed, since the stream's image stays out of date.
pub(super) async fn a_look_up_returns_the_state_of_each_row(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2, 3, 4, 5]).await;
    let keys = keys(&rows);
    let table = fixture.table();
    for key in &keys[1..4] {
        table
            .park(key, Some(0), &mark("TooLarge"))
            .await
            .expect("parked");
    }
    fixture.edit(&keys[2]).await;
    fixture.release(&keys[3]).await;
    assert_eq!(table.delete(&keys[4..]).await, Ok(vec![]));
    let never_there = row("b", 1).key;
    let asked = [keys.clone(), vec![never_there.clone()]].concat();

    let states = table.look_up(&asked).await.expect("an answer");
    let expected = BTreeMap::from([
        (&keys[0], RowState::Pending),
        (&keys[1], RowState::Parked),
        (&keys[2], RowState::Edited(1)),
        (&keys[3], RowState::Pending),
        (&keys[4], RowState::Absent),
        (&never_there, RowState::Absent),
    ]);
    let found: BTreeMap<_, _> = states.iter().map(|(key, state)| (key, *state)).collect();
    assert_eq!(found, expected);

    table
        .park(&keys[2], None, &mark("again"))
        .await
        .expect("parked");
    assert_eq!(state(fixture, &keys[2]).await, Some(RowState::Parked));
    fixture.edit(&keys[2]).await;
    assert_eq!(state(fixture, &keys[2]).await, Some(RowState::Edited(2)));
}

/// "If you request more than 100 items, `BatchGetItem` returns a `ValidationException`":
/// `BatchGetItem` in the API reference.
pub(super) async fn a_look_up_takes_at_most_a_hundred_keys(fixture: &impl Fixture) {
    let sequences: Vec<u64> = (1..=LOOK_UP_KEYS as u64).collect();
    let (there, absent) = sequences.split_at(LOOK_UP_KEYS / 2);
    put_rows(fixture, "a", there).await;
    let all: Vec<RowKey> = sequences.iter().map(|n| row("a", *n).key).collect();
    let states = fixture.table().look_up(&all).await.expect("an answer");
    assert_eq!(states.len(), LOOK_UP_KEYS);
    let is = |wanted: RowState| states.values().filter(|state| **state == wanted).count();
    assert_eq!(is(RowState::Pending), there.len());
    assert_eq!(is(RowState::Absent), absent.len());

    let too_many = [all, vec![row("b", 1).key]].concat();
    assert!(fixture.table().look_up(&too_many).await.is_err());
}

/// DynamoDB rejects a request with a key twice ("Provided list of item keys contains
/// duplicates"), so an adapter must remove duplicates.
pub(super) async fn a_key_may_be_listed_twice(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[1, 2]).await);
    let twice = [keys[0].clone(), keys[0].clone()];
    let states = fixture.table().look_up(&twice).await.expect("an answer");
    assert_eq!(states.get(&keys[0]), Some(&RowState::Pending));
    assert_eq!(states.len(), 1);
    assert_eq!(fixture.table().delete(&twice).await, Ok(vec![]));
    assert_eq!(state(fixture, &keys[0]).await, Some(RowState::Absent));
    assert_eq!(state(fixture, &keys[1]).await, Some(RowState::Pending));
}
