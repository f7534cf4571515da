//! Reads what a check left in the table.

use outbox::{
    RowKey,
    ports::{OutboxTable, RowState, Segment, StoredRow},
};

use super::Fixture;

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
pub(super) async fn scanned(fixture: &impl Fixture, segments: u32) -> Vec<Vec<StoredRow>> {
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

pub(super) async fn queried(
    fixture: &impl Fixture,
    aggregate: &str,
    through: Option<&RowKey>,
) -> Vec<StoredRow> {
    all_pages!(after => fixture.table().query(aggregate, after, through)).concat()
}

pub(super) async fn state(fixture: &impl Fixture, key: &RowKey) -> Option<RowState> {
    let key = std::slice::from_ref(key);
    let states = fixture.table().look_up(key).await.expect("an answer");
    states.get(&key[0]).copied()
}
