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
