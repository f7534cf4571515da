//! `OutboxTable::park`, and rows that can't be read, which are parked for it.

use outbox::{
    Unreadable,
    ports::{OutboxTable, RowState},
};

use super::{
    Fixture,
    read::{queried, scanned, state},
    written::{keys_of, mark, put_rows, stored},
};
use crate::rows::row;

/// `UpdateItem` "edits an existing item's attributes": only those that it names.
pub(super) async fn a_park_marks_the_row_and_keeps_the_rest_of_it(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let mark = mark("TooLarge");
    let parked = fixture.table().park(&rows[0].key, Some(0), &mark).await;
    assert_eq!(parked, Ok(true));
    let expected = [stored(&rows[0], Some(mark)), stored(&rows[1], None)];
    assert_eq!(queried(fixture, "a", None).await, expected);
    assert_eq!(scanned(fixture, 1).await.concat(), expected);
}

/// `UpdateItem` "adds a new item to the table if it does not already exist", unless a
/// condition prevents that: a late park must not create a row.
pub(super) async fn a_park_leaves_alone_what_is_parked_or_gone(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let table = fixture.table();
    let (first, gone) = (&rows[0].key, &rows[1].key);
    for (reason, parks) in [("first", true), ("second", false)] {
        let parked = table.park(first, Some(0), &mark(reason)).await;
        assert_eq!(parked, Ok(parks));
    }
    table
        .delete(std::slice::from_ref(gone))
        .await
        .expect("deleted");
    assert_eq!(table.park(gone, Some(0), &mark("late")).await, Ok(false));
    assert_eq!(state(fixture, gone).await, Some(RowState::Absent));
    let expected = [stored(&rows[0], Some(mark("first")))];
    assert_eq!(queried(fixture, "a", None).await, expected);
}

/// A judgement is about the row as it was read.
pub(super) async fn a_park_leaves_alone_what_was_edited_since_it_was_seen(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1]).await;
    let (key, table) = (&rows[0].key, fixture.table());
    for edits in 1..=2 {
        let seen = Some(edits - 1);
        assert_eq!(table.park(key, seen, &mark("TooLarge")).await, Ok(true));
        fixture.edit(key).await;
        assert_eq!(table.park(key, seen, &mark("late")).await, Ok(false));
        assert_eq!(state(fixture, key).await, Some(RowState::Edited(edits)));
    }
}

/// A row that is newer or malformed still has a key: it is looked up, parked and deleted like
/// any other.
pub(super) async fn unreadable_rows_are_returned_as_such(fixture: &impl Fixture) {
    let (newer, malformed) = (row("a", 1), row("a", 2));
    fixture.put_newer(&newer).await;
    fixture.put_malformed(&malformed).await;
    let keys = [newer.key, malformed.key];
    for found in [
        queried(fixture, "a", None).await,
        scanned(fixture, 1).await.concat(),
    ] {
        assert_eq!(keys_of(&found), keys);
        let row = |index: usize| found[index].candidate.row.clone();
        assert_eq!(row(0), Err(Unreadable::NewerFormat(2)));
        assert!(matches!(row(1), Err(Unreadable::Malformed(_))));
        assert!(found.iter().all(|row| row.parked.is_none()));
    }
    for key in &keys {
        assert_eq!(state(fixture, key).await, Some(RowState::Pending));
        let mark = mark("Undecodable");
        fixture
            .table()
            .park(key, None, &mark)
            .await
            .expect("parked");
        assert_eq!(state(fixture, key).await, Some(RowState::Parked));
    }
    let parked = queried(fixture, "a", None).await;
    let marks = parked.iter().map(|row| row.parked.clone());
    assert!(marks.eq([Some(mark("Undecodable")), Some(mark("Undecodable"))]));
    assert!(parked.iter().all(|row| row.candidate.row.is_err()));
    assert_eq!(fixture.table().delete(&keys).await, Ok(vec![]));
    assert!(queried(fixture, "a", None).await.is_empty());
}
