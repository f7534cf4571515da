//! `ParkedRows`: what an operator decides about a parked row, and the record of it.

use jiff::{SignedDuration, Timestamp};
use outbox::{
    RowKey,
    ports::{Decided, Decision, Discard, Edit, OutboxTable, ParkedRows, RowState},
};

use super::{
    Fixture,
    read::{queried, scanned, state},
    written::{keys, keys_of, mark, put_rows, stored},
};
use crate::rows::row;

/// A discarded row is moved to another key, as an audit record that the relay never sees.
pub(super) async fn a_discarded_row_is_not_a_row_of_the_outbox(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let discarded = &rows[0].key;
    fixture
        .table()
        .park(discarded, Some(0), &mark("TooLarge"))
        .await
        .expect("parked");
    fixture.discard(discarded).await;
    assert_eq!(state(fixture, discarded).await, Some(RowState::Absent));
    let left = [stored(&rows[1], None)];
    assert_eq!(scanned(fixture, 4).await.concat(), left);
    assert_eq!(queried(fixture, "a", None).await, left);
    let kept_at = discarded.discarded().aggregate_id;
    assert!(queried(fixture, &kept_at, None).await.is_empty());
}

/// Who edited the row, when, and what it was before can be read as long as it is kept.
pub(super) async fn a_row_before_an_edit_is_kept_and_is_not_a_row_of_the_outbox(
    fixture: &impl Fixture,
) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let key = &rows[0].key;
    assert_eq!(fixture.table().decisions("a").await, Ok(Vec::new()));
    let mut expected = Vec::new();
    for (second, before) in [(1, rows[0].detail.as_str()), (2, "{\"edit\":1}")] {
        park_and_edit(fixture, key, second, before).await;
        expected.push(decision(key, Decided::Edited, second, before));
    }
    assert_eq!(fixture.table().decisions("a").await, Ok(expected.clone()));
    let left = scanned(fixture, 4).await.concat();
    assert_eq!(keys_of(&left), keys(&rows));
    assert_eq!(queried(fixture, "a", None).await, left);
    let records = key.replaced(at(1)).aggregate_id;
    assert!(queried(fixture, &records, None).await.is_empty());

    let parked = fixture.table().park(key, Some(2), &mark("TooLarge")).await;
    parked.expect("parked");
    let discard = Discard::new("other", at(3), "not wanted").expect("a reason");
    assert_eq!(fixture.table().discard(key, &discard).await, Ok(true));
    let discarded = Decided::Discarded {
        reason: "not wanted".to_owned(),
    };
    // The row itself sorts before its edits.
    let discarded = Decision {
        by: "other".to_owned(),
        ..decision(key, discarded, 3, "{\"edit\":2}")
    };
    expected.insert(0, discarded);
    assert_eq!(fixture.table().decisions("a").await, Ok(expected));
    assert_eq!(fixture.table().decisions("b").await, Ok(Vec::new()));
}

/// Parks a row, and replaces its `detail` by one with the number of this edit.
async fn park_and_edit(fixture: &impl Fixture, key: &RowKey, edit: u64, before: &str) {
    let table = fixture.table();
    let parked = table.park(key, Some(edit - 1), &mark("TooLarge")).await;
    parked.expect("parked");
    let edit = Edit {
        by: "operator".to_owned(),
        at: at(edit),
        seen: before.to_owned(),
        detail: format!("{{\"edit\":{edit}}}"),
    };
    assert_eq!(table.replace_detail(key, &edit).await, Ok(true));
}

/// Returns the record of a decision about a row that was parked with this `detail`.
fn decision(key: &RowKey, what: Decided, second: u64, detail: &str) -> Decision {
    Decision {
        row: key.clone(),
        what,
        by: "operator".to_owned(),
        at: Some(at(second)),
        parked: Some(mark("TooLarge")),
        detail: Some(detail.to_owned()),
    }
}

/// Neither the row is changed nor a record written.
pub(super) async fn an_edit_of_what_was_not_seen_changes_nothing(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1]).await;
    let key = &rows[0].key;
    let edit = |seen: &str| Edit {
        by: "operator".to_owned(),
        at: at(1),
        seen: seen.to_owned(),
        detail: "{}".to_owned(),
    };
    let not_parked = edit(&rows[0].detail);
    let table = fixture.table();
    assert_eq!(table.replace_detail(key, &not_parked).await, Ok(false));
    let parked = table.park(key, Some(0), &mark("TooLarge")).await;
    parked.expect("parked");
    assert_eq!(table.replace_detail(key, &edit("other")).await, Ok(false));
    let gone = row("b", 1).key;
    assert_eq!(table.replace_detail(&gone, &edit("other")).await, Ok(false));
    assert_eq!(table.decisions("a").await, Ok(Vec::new()));
    let found = queried(fixture, "a", None).await;
    assert_eq!(found, [stored(&rows[0], Some(mark("TooLarge")))]);
}

/// Returns a time so many seconds after a fixed one.
fn at(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).expect("a few seconds");
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}
