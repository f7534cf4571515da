//! `OutboxTable::query`.

use outbox::ports::OutboxTable;

use super::{
    Fixture,
    read::queried,
    written::{keys, keys_of, mark, put_pages, put_rows, stored},
};
use crate::rows::row;

/// "Query results are always sorted by the sort key value", in the order of UTF-8
/// bytes.
pub(super) async fn a_query_returns_one_aggregate_in_sequence(fixture: &impl Fixture) {
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
pub(super) async fn a_query_ends_with_the_last_wanted_row(fixture: &impl Fixture) {
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
pub(super) async fn a_query_ends_with_a_page_that_ends_with_the_last_wanted_row(
    fixture: &impl Fixture,
) {
    let keys = put_pages(fixture).await;
    let first = fixture.table().query("a", None, None).await;
    let through = first.expect("a page").next.expect("more than one page");
    let found = queried(fixture, "a", Some(&through)).await;
    assert_eq!(keys_of(&found).last(), Some(&through));
    assert_eq!(keys_of(&found), keys[..found.len()]);
}

/// As with a scan.
pub(super) async fn a_query_continues_after_a_row_that_is_gone(fixture: &impl Fixture) {
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

/// Rows with the same sequence are not before one another, nor are those of other aggregates.
pub(super) async fn a_read_before_a_row_returns_lower_sequences(fixture: &impl Fixture) {
    let rows = put_rows(fixture, "a", &[2, 4, 6, 10]).await;
    put_rows(fixture, "ab", &[1]).await;
    let keys = keys(&rows);
    for (sequence, expected) in [(1, 0), (2, 0), (3, 1), (10, 3), (11, 4)] {
        let before = row("a", sequence).key;
        let page = fixture.table().read_before(&before, None, 10).await;
        let found = keys_of(&page.expect("a page").rows);
        assert_eq!(found, keys[..expected], "before {sequence}");
    }
    let page = fixture.table().read_before(&keys[3], Some(&keys[0]), 10);
    let found = keys_of(&page.await.expect("a page").rows);
    assert_eq!(found, keys[1..3], "after the first");
    let page = fixture.table().read_before(&keys[1], Some(&keys[1]), 10);
    assert!(page.await.expect("a page").rows.is_empty());
}

/// A limited read says where more rows may be.
pub(super) async fn a_read_before_a_row_has_a_limit(fixture: &impl Fixture) {
    let keys = keys(&put_rows(fixture, "a", &[1, 2, 3, 4]).await);
    let page = fixture.table().read_before(&keys[3], None, 2).await;
    let page = page.expect("a page");
    assert_eq!(keys_of(&page.rows), keys[..2]);
    assert_eq!(page.next.as_ref(), Some(&keys[1]));
    let page = fixture
        .table()
        .read_before(&keys[3], page.next.as_ref(), 2)
        .await;
    let page = page.expect("a page");
    assert_eq!(keys_of(&page.rows), keys[2..3]);
    assert_eq!(page.next, None);
}
