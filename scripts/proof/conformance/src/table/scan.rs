//! `OutboxTable::scan`.

use std::collections::{BTreeMap, BTreeSet};

use outbox::{
    RowKey,
    ports::{DELETE_KEYS, OutboxTable, Segment, StoredRow},
};

use super::{
    Fixture,
    read::scanned,
    written::{keys, keys_of, put_pages, put_rows},
};

/// "All items with the same partition key value are stored together, in sorted order
/// by sort key value", so they are in one segment, one after the other, and in sequence.
pub(super) async fn a_scan_returns_every_row_once_and_aggregates_in_sequence(
    fixture: &impl Fixture,
) {
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
pub(super) async fn a_scan_begins_behind_an_aggregate(fixture: &impl Fixture) {
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

/// `ExclusiveStartKey` is a position, not an item: the item there may be gone.
pub(super) async fn a_scan_continues_after_rows_that_are_gone(fixture: &impl Fixture) {
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
