//! Checks of the outbox table: Amazon DynamoDB, or a replacement.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use outbox::{
    Candidate, OutboxRow, Parked, RowKey, Unreadable,
    ports::{
        DELETE_KEYS, Decided, Decision, Discard, Edit, LOOK_UP_KEYS, OutboxTable, ParkedRows,
        RowState, Segment, StoredRow,
    },
};

use crate::{
    check::suite,
    rows::{row, row_with_detail},
};

/// An empty table, and what happens to it besides the relay's requests.
pub trait Fixture {
    /// The table, as the relay and operators see it.
    type Table: OutboxTable + ParkedRows;

    /// Returns the table.
    fn table(&self) -> &Self::Table;

    /// Writes a row, as a service does that appends.
    fn put(&self, row: &OutboxRow) -> impl Future<Output = ()>;

    /// Writes a row with a newer format than this library's.
    fn put_newer(&self, row: &OutboxRow) -> impl Future<Output = ()>;

    /// Writes a row without its `source`.
    fn put_malformed(&self, row: &OutboxRow) -> impl Future<Output = ()>;

    /// Parks a row, as the relay does.
    fn park(&self, key: &RowKey) -> impl Future<Output = ()> {
        async {
            let mark = Parked {
                reason: "TooLarge: for this check".to_owned(),
                at: Timestamp::UNIX_EPOCH,
            };
            let parked = self.table().park(key, None, &mark).await;
            parked.expect("parked");
        }
    }

    /// Deletes a row, as the relay does.
    fn delete(&self, key: &RowKey) -> impl Future<Output = ()> {
        async {
            let key = std::slice::from_ref(key);
            assert_eq!(self.table().delete(key).await, Ok(vec![]));
        }
    }

    /// Replaces the `detail` of a parked row, and makes the row pending again.
    fn edit(&self, key: &RowKey) -> impl Future<Output = ()> {
        async {
            let row = self.table().read(key).await.expect("a response");
            let row = row.expect("a row to edit").candidate.row;
            let seen = row.expect("a row that can be read").detail.clone();
            let edit = Edit {
                by: "operator".to_owned(),
                at: Timestamp::now(),
                detail: format!("{{\"edited\":{seen}}}"),
                seen,
            };
            let edited = self.table().replace_detail(key, &edit).await;
            assert_eq!(edited, Ok(true));
        }
    }

    /// Makes a parked row pending again.
    fn release(&self, key: &RowKey) -> impl Future<Output = ()> {
        async { assert_eq!(self.table().unpark(key).await, Ok(true)) }
    }

    /// Discards a parked row.
    fn discard(&self, key: &RowKey) -> impl Future<Output = ()> {
        async {
            let discard = Discard::new("operator", Timestamp::now(), "for this check");
            let discard = discard.expect("a reason");
            assert_eq!(self.table().discard(key, &discard).await, Ok(true));
        }
    }
}

suite!(Fixture:
    a_look_up_returns_the_state_of_each_row,
    a_look_up_takes_at_most_a_hundred_keys,
    a_key_may_be_listed_twice,
    a_delete_removes_what_it_names_and_nothing_else,
    a_delete_takes_at_most_twenty_five_keys,
    a_park_marks_the_row_and_keeps_the_rest_of_it,
    a_park_leaves_alone_what_is_parked_or_gone,
    a_park_leaves_alone_what_was_edited_since_it_was_seen,
    unreadable_rows_are_returned_as_such,
    a_scan_returns_every_row_once_and_aggregates_in_sequence,
    a_scan_continues_after_rows_that_are_gone,
    a_scan_begins_behind_an_aggregate,
    a_query_returns_one_aggregate_in_sequence,
    a_query_ends_with_the_last_wanted_row,
    a_query_ends_with_a_page_that_ends_with_the_last_wanted_row,
    a_query_continues_after_a_row_that_is_gone,
    a_discarded_row_is_not_a_row_of_the_outbox,
    a_row_before_an_edit_is_kept_and_is_not_a_row_of_the_outbox,
    an_edit_of_what_was_not_seen_changes_nothing,
);

/// Returns a mark with this reason.
fn mark(reason: &str) -> Parked {
    Parked {
        reason: format!("{reason}: for this check"),
        at: Timestamp::constant(1_795_510_900, 0),
    }
}

/// Returns a row as a page contains it.
fn stored(row: &OutboxRow, parked: Option<Parked>) -> StoredRow {
    let mut row = row.clone();
    row.parked.clone_from(&parked);
    StoredRow {
        candidate: Candidate {
            key: row.key.clone(),
            row: Ok(row.into()),
            written_at: None,
        },
        parked,
    }
}

/// Writes rows of an aggregate.
async fn put_rows(fixture: &impl Fixture, aggregate: &str, sequences: &[u64]) -> Vec<OutboxRow> {
    let rows = sequences.iter().map(|sequence| row(aggregate, *sequence));
    let rows: Vec<OutboxRow> = rows.collect();
    for row in &rows {
        fixture.put(row).await;
    }
    rows
}

fn keys(rows: &[OutboxRow]) -> Vec<RowKey> {
    rows.iter().map(|row| row.key.clone()).collect()
}

fn keys_of(rows: &[StoredRow]) -> Vec<RowKey> {
    rows.iter().map(|row| row.candidate.key.clone()).collect()
}

/// Reads all pages of a segment or an aggregate.
macro_rules! all_pages {
    ($after:ident => $page:expr) => {{
        let mut pages: Vec<Vec<StoredRow>> = Vec::new();
        let mut next: Option<RowKey> = None;
        loop {
            let $after = next.as_ref();
            let page = $page.await.expect("a page");
            pages.push(page.rows);
            next = page.next;
            if next.is_none() {
                break pages;
            }
        }
    }};
}

/// Reads every row of the table, in so many segments.
async fn scanned(fixture: &impl Fixture, segments: u32) -> Vec<Vec<StoredRow>> {
    let mut found = Vec::new();
    for index in 0..segments {
        let segment = Segment {
            index,
            of: segments,
        };
        let pages = all_pages!(after => fixture.table().scan(segment, after));
        found.push(pages.concat());
    }
    found
}

async fn queried(
    fixture: &impl Fixture,
    aggregate: &str,
    through: Option<&RowKey>,
) -> Vec<StoredRow> {
    all_pages!(after => fixture.table().query(aggregate, after, through)).concat()
}

async fn state(fixture: &impl Fixture, key: &RowKey) -> Option<RowState> {
    let key = std::slice::from_ref(key);
    let states = fixture.table().look_up(key).await.expect("an answer");
    states.get(&key[0]).copied()
}

/// `BatchGetItem` leaves out missing items. The count of edits remains when the mark is
/// removed, since the stream's image stays out of date.
async fn a_look_up_returns_the_state_of_each_row(fixture: &impl Fixture) {
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
async fn a_look_up_takes_at_most_a_hundred_keys(fixture: &impl Fixture) {
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
async fn a_key_may_be_listed_twice(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[1, 2]).await);
    let twice = [keys[0].clone(), keys[0].clone()];
    let states = fixture.table().look_up(&twice).await.expect("an answer");
    assert_eq!(states.get(&keys[0]), Some(&RowState::Pending));
    assert_eq!(states.len(), 1);
    assert_eq!(fixture.table().delete(&twice).await, Ok(vec![]));
    assert_eq!(state(fixture, &keys[0]).await, Some(RowState::Absent));
    assert_eq!(state(fixture, &keys[1]).await, Some(RowState::Pending));
}

/// Deleting a missing row is not an error: `DeleteItem` is idempotent.
async fn a_delete_removes_what_it_names_and_nothing_else(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[1, 2, 3]).await);
    put_rows(fixture, "b", &[1, 2]).await;
    let never_there = row("c", 1).key;
    let named = [keys[0].clone(), keys[2].clone(), never_there.clone()];
    for _ in 0..2 {
        assert_eq!(fixture.table().delete(&named).await, Ok(vec![]));
        let left = keys_of(&scanned(fixture, 1).await.concat());
        let left: BTreeSet<RowKey> = left.into_iter().collect();
        let expected = [keys[1].clone(), row("b", 1).key, row("b", 2).key];
        assert_eq!(left, BTreeSet::from(expected));
    }
}

/// "DynamoDB rejects the entire batch write operation" if "there are more than 25
/// requests in the batch": `BatchWriteItem` in the API reference.
async fn a_delete_takes_at_most_twenty_five_keys(fixture: &impl Fixture) {
    let sequences: Vec<u64> = (1..=DELETE_KEYS as u64 + 1).collect();
    let keys = keys(&put_rows(fixture, "a", &sequences).await);
    assert!(fixture.table().delete(&keys).await.is_err());
    assert_eq!(queried(fixture, "a", None).await.len(), keys.len());
    assert_eq!(
        fixture.table().delete(&keys[..DELETE_KEYS]).await,
        Ok(vec![])
    );
    assert_eq!(
        keys_of(&queried(fixture, "a", None).await),
        keys[DELETE_KEYS..]
    );
}

/// `UpdateItem` "edits an existing item's attributes": only those that it names.
async fn a_park_marks_the_row_and_keeps_the_rest_of_it(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let mark = mark("TooLarge");
    fixture
        .table()
        .park(&rows[0].key, Some(0), &mark)
        .await
        .expect("parked");
    let expected = [stored(&rows[0], Some(mark)), stored(&rows[1], None)];
    assert_eq!(queried(fixture, "a", None).await, expected);
    assert_eq!(scanned(fixture, 1).await.concat(), expected);
}

/// `UpdateItem` "adds a new item to the table if it does not already exist", unless a
/// condition prevents that: a late park must not create a row.
async fn a_park_leaves_alone_what_is_parked_or_gone(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let table = fixture.table();
    let (first, gone) = (&rows[0].key, &rows[1].key);
    for reason in ["first", "second"] {
        assert_eq!(table.park(first, Some(0), &mark(reason)).await, Ok(()));
    }
    table
        .delete(std::slice::from_ref(gone))
        .await
        .expect("deleted");
    assert_eq!(table.park(gone, Some(0), &mark("late")).await, Ok(()));
    assert_eq!(state(fixture, gone).await, Some(RowState::Absent));
    let expected = [stored(&rows[0], Some(mark("first")))];
    assert_eq!(queried(fixture, "a", None).await, expected);
}

/// A judgement is about the row as it was read.
async fn a_park_leaves_alone_what_was_edited_since_it_was_seen(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1]).await;
    let (key, table) = (&rows[0].key, fixture.table());
    for edits in 1..=2 {
        let seen = Some(edits - 1);
        assert_eq!(table.park(key, seen, &mark("TooLarge")).await, Ok(()));
        fixture.edit(key).await;
        assert_eq!(table.park(key, seen, &mark("late")).await, Ok(()));
        assert_eq!(state(fixture, key).await, Some(RowState::Edited(edits)));
    }
}

/// A row that is newer or malformed still has a key: it is looked up, parked and deleted like
/// any other.
async fn unreadable_rows_are_returned_as_such(fixture: &impl Fixture) {
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

/// "All items with the same partition key value are stored together, in sorted order
/// by sort key value", so they are in one segment, one after the other, and in sequence.
async fn a_scan_returns_every_row_once_and_aggregates_in_sequence(fixture: &impl Fixture) {
    let mut written = BTreeSet::new();
    for aggregate in 0..30 {
        // Not in sequence.
        let rows = put_rows(fixture, &format!("thing#{aggregate}"), &[3, 1, 2, 11]).await;
        written.extend(keys(&rows));
    }
    for segments in [1, 4, 8] {
        let found = scanned(fixture, segments).await;
        let mut segment_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut last_of: BTreeMap<String, RowKey> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (segment, rows) in found.iter().enumerate() {
            let runs = rows.chunk_by(is_of_same_aggregate).count();
            let aggregates: BTreeSet<_> = rows.iter().map(aggregate_of).collect();
            assert_eq!(runs, aggregates.len(), "an aggregate is interrupted");
            for key in keys_of(rows) {
                assert!(seen.insert(key.clone()), "{key} comes twice");
                let aggregate = key.aggregate_id.clone();
                let in_segment = segment_of.entry(aggregate.clone()).or_insert(segment);
                assert_eq!(*in_segment, segment, "{aggregate} is in two segments");
                let last = last_of.insert(aggregate, key.clone());
                assert!(last.is_none_or(|last| last < key), "{key} comes late");
            }
        }
        assert_eq!(seen, written);
    }
}

fn aggregate_of(row: &StoredRow) -> &str {
    &row.candidate.key.aggregate_id
}

fn is_of_same_aggregate(a: &StoredRow, b: &StoredRow) -> bool {
    aggregate_of(a) == aggregate_of(b)
}

/// `ExclusiveStartKey` needs no item: with a position behind all rows of an aggregate, the scan
/// begins with the next aggregate of the segment.
async fn a_scan_begins_behind_an_aggregate(fixture: &impl Fixture) {
    for aggregate in 0..10 {
        put_rows(fixture, &format!("thing#{aggregate}"), &[1, 2, 3]).await;
    }
    for of in [1, 8] {
        for (index, rows) in (0..of).zip(scanned(fixture, of).await) {
            for (read, row) in rows.iter().enumerate() {
                let after = RowKey {
                    aggregate_id: aggregate_of(row).to_owned(),
                    position: "~".to_owned(),
                };
                let segment = Segment { index, of };
                let page = fixture.table().scan(segment, Some(&after)).await;
                let page = page.expect("a page");
                let rest = rows[read..].iter();
                let behind = rest.skip_while(|other| is_of_same_aggregate(row, other));
                assert_eq!(page.rows, behind.cloned().collect::<Vec<_>>());
            }
        }
    }
}

/// Writes rows of more than one page: a page ends after 1 MB.
async fn put_pages(fixture: &impl Fixture) -> Vec<RowKey> {
    let detail = format!("{{\"text\":\"{}\"}}", "x".repeat(40_000));
    let mut keys = Vec::new();
    for sequence in 1..=60 {
        let row = row_with_detail("a", sequence, &detail);
        fixture.put(&row).await;
        keys.push(row.key);
    }
    keys
}

/// `ExclusiveStartKey` is a position, not an item: the item there may be gone.
async fn a_scan_continues_after_rows_that_are_gone(fixture: &impl Fixture) {
    let keys = put_pages(fixture).await;
    let segment = Segment { index: 0, of: 1 };
    let mut found = Vec::new();
    let mut pages = 0;
    let mut after = None;
    loop {
        let page = fixture.table().scan(segment, after.as_ref()).await;
        let page = page.expect("a page");
        pages += 1;
        let seen = keys_of(&page.rows);
        for some in seen.chunks(DELETE_KEYS) {
            assert_eq!(fixture.table().delete(some).await, Ok(vec![]));
        }
        found.extend(seen);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, keys);
    assert!(pages > 1, "there was one page only");
}

/// "Query results are always sorted by the sort key value", in the order of UTF-8
/// bytes.
async fn a_query_returns_one_aggregate_in_sequence(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[10, 9, 100, 1]).await;
    put_rows(fixture, "ab", &[1, 2]).await;
    put_rows(fixture, "A", &[1]).await;
    fixture
        .table()
        .park(&rows[0].key, Some(0), &mark("TooLarge"))
        .await
        .expect("parked");
    let expected = [
        stored(&rows[3], None),
        stored(&rows[1], None),
        stored(&rows[0], Some(mark("TooLarge"))),
        stored(&rows[2], None),
    ];
    assert_eq!(queried(fixture, "a", None).await, expected);
    assert!(queried(fixture, "no such", None).await.is_empty());
}

/// `through` is included and need not be there; `after` is not included.
async fn a_query_ends_with_the_last_wanted_row(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[2, 4, 6]).await);
    for (through, expected) in [(1, 0), (2, 1), (3, 1), (6, 3), (7, 3)] {
        let through = row("a", through).key;
        let found = queried(fixture, "a", Some(&through)).await;
        assert_eq!(keys_of(&found), keys[..expected], "through {through}");
    }
    let (after, through) = (Some(&keys[0]), Some(&keys[1]));
    let page = fixture.table().query("a", after, through).await;
    let page = page.expect("a page");
    assert_eq!(keys_of(&page.rows), keys[1..2]);
    let page = fixture.table().query("a", through, through).await;
    assert!(page.expect("a page").rows.is_empty());
}

/// A full page says where the next one begins, whether or not that one has wanted rows.
async fn a_query_ends_with_a_page_that_ends_with_the_last_wanted_row(fixture: &impl Fixture) {
    let keys = put_pages(fixture).await;
    let first = fixture.table().query("a", None, None).await;
    let through = first.expect("a page").next.expect("more than one page");
    let found = queried(fixture, "a", Some(&through)).await;
    assert_eq!(keys_of(&found).last(), Some(&through));
    assert_eq!(keys_of(&found), keys[..found.len()]);
}

/// As with a scan.
async fn a_query_continues_after_a_row_that_is_gone(fixture: &impl Fixture) {
    let keys = put_pages(fixture).await;
    let through = &keys[57];
    let first = fixture.table().query("a", None, Some(through)).await;
    let first = first.expect("a page");
    let next = first.next.expect("more than one page");
    let gone = std::slice::from_ref(&next);
    assert_eq!(fixture.table().delete(gone).await, Ok(vec![]));
    let mut found = keys_of(&first.rows);
    let mut after = Some(next);
    while let Some(key) = after {
        let page = fixture.table().query("a", Some(&key), Some(through)).await;
        let page = page.expect("a page");
        found.extend(keys_of(&page.rows));
        after = page.next;
    }
    assert_eq!(found, keys[..58]);
}

/// A discarded row is moved to another key, as an audit record that the relay never sees.
async fn a_discarded_row_is_not_a_row_of_the_outbox(fixture: &impl Fixture) {
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
async fn a_row_before_an_edit_is_kept_and_is_not_a_row_of_the_outbox(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[1, 2]).await;
    let key = &rows[0].key;
    assert_eq!(fixture.table().decisions("a").await, Ok(Vec::new()));
    let mut expected = Vec::new();
    let too_large = mark("TooLarge");
    for (second, before) in [(1, rows[0].detail.as_str()), (2, "{\"edit\":1}")] {
        let edits = Some(second - 1);
        let parked = fixture.table().park(key, edits, &too_large).await;
        parked.expect("parked");
        let edit = Edit {
            by: "operator".to_owned(),
            at: at(second),
            seen: before.to_owned(),
            detail: format!("{{\"edit\":{second}}}"),
        };
        let edited = fixture.table().replace_detail(key, &edit).await;
        assert_eq!(edited, Ok(true));
        expected.push(Decision {
            row: key.clone(),
            what: Decided::Edited,
            by: "operator".to_owned(),
            at: Some(at(second)),
            parked: Some(mark("TooLarge")),
            detail: Some(before.to_owned()),
        });
    }
    assert_eq!(fixture.table().decisions("a").await, Ok(expected.clone()));
    let left = scanned(fixture, 4).await.concat();
    assert_eq!(keys_of(&left), keys(&rows));
    assert_eq!(queried(fixture, "a", None).await, left);
    let records = key.replaced(at(1)).aggregate_id;
    assert!(queried(fixture, &records, None).await.is_empty());

    let parked = fixture.table().park(key, Some(2), &too_large).await;
    parked.expect("parked");
    let discard = Discard::new("other", at(3), "not wanted").expect("a reason");
    assert_eq!(fixture.table().discard(key, &discard).await, Ok(true));
    let discarded = Decision {
        row: key.clone(),
        what: Decided::Discarded {
            reason: "not wanted".to_owned(),
        },
        by: "other".to_owned(),
        at: Some(at(3)),
        parked: Some(mark("TooLarge")),
        detail: Some("{\"edit\":2}".to_owned()),
    };
    // The row itself sorts before its edits.
    expected.insert(0, discarded);
    assert_eq!(fixture.table().decisions("a").await, Ok(expected));
    assert_eq!(fixture.table().decisions("b").await, Ok(Vec::new()));
}

/// Neither the row is changed nor a record written.
async fn an_edit_of_what_was_not_seen_changes_nothing(fixture: &impl Fixture) {
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
