//! Checks of the outbox table's stream, as a replay reads it: Amazon DynamoDB Streams, or a
//! replacement.

use std::{cmp::Ordering, time::Duration};

use outbox::{
    OutboxRow, RowKey,
    ports::{Place, ShardPosition, StreamError, StreamReader, StreamRecord},
};

use crate::{check::suite, rows::row};

/// An empty table with a stream of one shard, and what happens to both.
pub trait Fixture {
    /// The stream, as a replay sees it.
    type Reader: StreamReader;

    /// Returns the reader of the stream.
    fn reader(&self) -> &Self::Reader;

    /// Returns the ARN of the stream.
    fn stream_arn(&self) -> String;

    /// Returns the id of its shard.
    fn shard_id(&self) -> impl Future<Output = String>;

    /// Returns the sequence number of the first record, in Lambda's spelling.
    fn first_number(&self) -> impl Future<Output = String>;

    /// Writes a row.
    fn put(&self, row: &OutboxRow) -> impl Future<Output = ()>;

    /// Parks a row, as the relay does.
    fn park(&self, key: &RowKey) -> impl Future<Output = ()>;

    /// Deletes a row, as the relay does.
    fn delete(&self, key: &RowKey) -> impl Future<Output = ()>;

    /// Replaces the `detail` of a parked row, as an operator does.
    fn edit(&self, key: &RowKey) -> impl Future<Output = ()>;

    /// Discards a parked row, as an operator does.
    fn discard(&self, key: &RowKey) -> impl Future<Output = ()>;

    /// Ends the shard.
    fn end(&self) -> impl Future<Output = ()>;

    /// Lets time pass, for the stream.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
}

suite!(Fixture:
    an_iterator_begins_at_a_record_or_after_it,
    records_come_in_the_order_of_their_numbers,
    inserts_name_their_row_and_other_records_none,
    writes_that_change_nothing_leave_no_record,
    an_edit_is_not_an_insert_of_its_row,
    a_discard_is_an_insert_of_a_discarded_row,
    later_records_are_read_with_the_same_iterator,
    a_shard_that_has_ended_says_so_after_its_last_record,
    a_missing_stream_is_gone,
    a_missing_shard_is_gone,
    what_was_trimmed_is_gone,
    what_is_trimmed_under_an_iterator_is_gone,
    an_iterator_lives_for_fifteen_minutes,
);

/// A page may be empty though more records follow, but not for ever: "it might take
/// multiple calls to get to a portion of the shard that contains stream records".
const MOST_PAGES: usize = 200;

/// DynamoDB's numbers have 21 to 40 digits: shorter ones are lower.
fn compare(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

async fn open(fixture: &impl Fixture, from: ShardPosition<'_>) -> Result<String, StreamError> {
    let shard_id = fixture.shard_id().await;
    let stream_arn = fixture.stream_arn();
    let place = Place {
        stream_arn: &stream_arn,
        shard_id: &shard_id,
        from,
    };
    fixture.reader().open(&place).await
}

/// Reads so many records. Returns them, and the iterator after them.
async fn read(
    fixture: &impl Fixture,
    iterator: String,
    count: usize,
) -> (Vec<StreamRecord>, Option<String>) {
    let mut records = Vec::new();
    let mut next = Some(iterator);
    for _ in 0..MOST_PAGES {
        let Some(iterator) = next.take_if(|_| records.len() < count) else {
            break;
        };
        let page = fixture.reader().read(&iterator).await.expect("a page");
        records.extend(page.records);
        next = page.next;
    }
    assert_eq!(records.len(), count);
    (records, next)
}

/// Reads the first records.
async fn first_records(fixture: &impl Fixture, count: usize) -> Vec<StreamRecord> {
    let first = fixture.first_number().await;
    let iterator = open(fixture, ShardPosition::At(&first))
        .await
        .expect("an iterator");
    read(fixture, iterator, count).await.0
}

fn inserted(records: &[StreamRecord]) -> Vec<Option<RowKey>> {
    let inserted = records.iter().map(|record| record.inserted.clone());
    inserted.collect()
}

async fn put_rows(fixture: &impl Fixture, sequences: std::ops::RangeInclusive<u64>) -> Vec<RowKey> {
    let mut keys = Vec::new();
    for sequence in sequences {
        let row = row("a", sequence);
        fixture.put(&row).await;
        keys.push(row.key);
    }
    keys
}

/// `AT_SEQUENCE_NUMBER` starts "exactly from the position denoted by a specific
/// sequence number", `AFTER_SEQUENCE_NUMBER` "right after" it.
async fn an_iterator_begins_at_a_record_or_after_it(fixture: &impl Fixture) {
    put_rows(fixture, 1..=3).await;
    let records = first_records(fixture, 3).await;
    let second = &records[1].sequence_number;
    let at = open(fixture, ShardPosition::At(second))
        .await
        .expect("an iterator");
    assert_eq!(read(fixture, at, 2).await.0, records[1..]);
    let after = open(fixture, ShardPosition::After(second))
        .await
        .expect("an iterator");
    assert_eq!(read(fixture, after, 1).await.0, records[2..]);
}

/// Numbers grow in a shard, by their value: the text "9" comes after "10".
async fn records_come_in_the_order_of_their_numbers(fixture: &impl Fixture) {
    let keys = put_rows(fixture, 1..=60).await;
    let records = first_records(fixture, 60).await;
    let rows: Vec<Option<RowKey>> = keys.into_iter().map(Some).collect();
    assert_eq!(inserted(&records), rows);
    for pair in records.windows(2) {
        let (one, next) = (&pair[0].sequence_number, &pair[1].sequence_number);
        assert_eq!(compare(one, next), Ordering::Less, "{one} before {next}");
    }
}

/// An event's name is `INSERT`, `MODIFY` or `REMOVE`.
async fn inserts_name_their_row_and_other_records_none(fixture: &impl Fixture) {
    let keys = put_rows(fixture, 1..=2).await;
    fixture.park(&keys[0]).await;
    fixture.delete(&keys[1]).await;
    let records = first_records(fixture, 4).await;
    let expected = [Some(keys[0].clone()), Some(keys[1].clone()), None, None];
    assert_eq!(inserted(&records), expected);
}

/// "If you perform a `PutItem` or `UpdateItem` operation that does not change any data in
/// an item, DynamoDB Streams does not write a stream record for that operation."
async fn writes_that_change_nothing_leave_no_record(fixture: &impl Fixture) {
    let keys = put_rows(fixture, 1..=1).await;
    fixture.park(&keys[0]).await;
    fixture.park(&keys[0]).await;
    fixture.delete(&row("a", 9).key).await;
    fixture.park(&row("a", 9).key).await;
    let last = put_rows(fixture, 2..=2).await;
    let records = first_records(fixture, 3).await;
    let expected = [Some(keys[0].clone()), None, Some(last[0].clone())];
    assert_eq!(inserted(&records), expected);
}

async fn an_edit_is_not_an_insert_of_its_row(fixture: &impl Fixture) {
    let keys = put_rows(fixture, 1..=1).await;
    fixture.park(&keys[0]).await;
    fixture.edit(&keys[0]).await;
    let records = first_records(fixture, 4).await;
    let told = inserted(&records);
    assert_eq!(told[..2], [Some(keys[0].clone()), None]);
    // The edit is a transaction, whose records are in any order: that of the row, and that of
    // the row as it was before, which is kept beside it.
    assert!(told[2..].contains(&None), "{told:?}");
    let mut kept = told[2..].iter().flatten();
    let kept = kept.next().expect("a record of the row as it was before");
    assert_eq!(kept.aggregate_id, keys[0].discarded().aggregate_id);
}

/// A discarded row is moved in a transaction, whose records are in any order.
async fn a_discard_is_an_insert_of_a_discarded_row(fixture: &impl Fixture) {
    let keys = put_rows(fixture, 1..=1).await;
    fixture.park(&keys[0]).await;
    fixture.discard(&keys[0]).await;
    let records = first_records(fixture, 4).await;
    let told = inserted(&records[2..]);
    assert!(told.contains(&Some(keys[0].discarded())), "{told:?}");
    assert!(told.contains(&None), "{told:?}");
}

/// While a shard is open, there is always a next iterator, even at its end.
async fn later_records_are_read_with_the_same_iterator(fixture: &impl Fixture) {
    put_rows(fixture, 1..=1).await;
    let first = fixture.first_number().await;
    let iterator = open(fixture, ShardPosition::At(&first))
        .await
        .expect("an iterator");
    let (records, mut next) = read(fixture, iterator, 1).await;
    let after = ShardPosition::After(&records[0].sequence_number);
    let after = open(fixture, after).await.expect("an iterator");
    for _ in 0..3 {
        let iterator = next.expect("an open shard has no end");
        let page = fixture.reader().read(&iterator).await.expect("a page");
        assert_eq!(page.records, []);
        next = page.next;
    }
    let later = put_rows(fixture, 2..=2).await;
    for iterator in [next.expect("an open shard has no end"), after] {
        let (records, _) = read(fixture, iterator, 1).await;
        assert_eq!(inserted(&records), [Some(later[0].clone())]);
    }
}

/// "If set to null, the shard has been closed and the requested iterator will not
/// return any more data."
async fn a_shard_that_has_ended_says_so_after_its_last_record(fixture: &impl Fixture) {
    put_rows(fixture, 1..=30).await;
    let first = fixture.first_number().await;
    fixture.end().await;
    let iterator = open(fixture, ShardPosition::At(&first))
        .await
        .expect("an iterator");
    let (records, mut next) = read(fixture, iterator, 30).await;
    let after = ShardPosition::After(&records[28].sequence_number);
    let after = open(fixture, after).await.expect("an iterator");
    for _ in 0..MOST_PAGES {
        let Some(iterator) = next.take() else { break };
        let page = fixture.reader().read(&iterator).await.expect("a page");
        assert_eq!(page.records, []);
        next = page.next;
    }
    assert_eq!(next, None, "the shard has ended");
    assert_eq!(read(fixture, after, 1).await.0, records[29..]);
}

fn is_gone<T>(result: &Result<T, StreamError>) -> bool {
    matches!(result, Err(StreamError::Gone(_)))
}

/// `ResourceNotFoundException`.
async fn a_missing_stream_is_gone(fixture: &impl Fixture) {
    put_rows(fixture, 1..=1).await;
    let place = Place {
        stream_arn: &fixture.stream_arn().replace(":table/", ":table/no-"),
        shard_id: &fixture.shard_id().await,
        from: ShardPosition::At(&fixture.first_number().await),
    };
    let opened = fixture.reader().open(&place).await;
    assert!(is_gone(&opened), "{opened:?}");
}

/// `ResourceNotFoundException`.
async fn a_missing_shard_is_gone(fixture: &impl Fixture) {
    put_rows(fixture, 1..=1).await;
    let place = Place {
        stream_arn: &fixture.stream_arn(),
        shard_id: "shardId-00000001795510800000-deadbeef",
        from: ShardPosition::At(&fixture.first_number().await),
    };
    let opened = fixture.reader().open(&place).await;
    assert!(is_gone(&opened), "{opened:?}");
}

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// `TrimmedDataAccessException`: "you request a shard iterator with a sequence number
/// older than the trim point (24 hours)".
async fn what_was_trimmed_is_gone(fixture: &impl Fixture) {
    put_rows(fixture, 1..=2).await;
    let first = fixture.first_number().await;
    fixture.pass(23 * HOUR).await;
    put_rows(fixture, 3..=3).await;
    fixture.pass(2 * HOUR).await;
    let opened = open(fixture, ShardPosition::At(&first)).await;
    assert!(is_gone(&opened), "{opened:?}");
    assert_ne!(fixture.first_number().await, first);
    first_records(fixture, 1).await;
}

/// `TrimmedDataAccessException`: "before you use the iterator in a `GetRecords`
/// request, a stream record in the shard exceeds the 24 hour period and is trimmed".
async fn what_is_trimmed_under_an_iterator_is_gone(fixture: &impl Fixture) {
    put_rows(fixture, 1..=2).await;
    let first = fixture.first_number().await;
    fixture.pass(23 * HOUR + 55 * MINUTE).await;
    let iterator = open(fixture, ShardPosition::At(&first))
        .await
        .expect("an iterator");
    fixture.pass(10 * MINUTE).await;
    let page = fixture.reader().read(&iterator).await;
    assert!(is_gone(&page), "{page:?}");
}

/// `ExpiredIteratorException`: "a shard iterator expires 15 minutes after it is
/// retrieved". A new one is opened after the last record that was read.
async fn an_iterator_lives_for_fifteen_minutes(fixture: &impl Fixture) {
    put_rows(fixture, 1..=1).await;
    let first = fixture.first_number().await;
    let iterator = open(fixture, ShardPosition::At(&first))
        .await
        .expect("an iterator");
    fixture.pass(14 * MINUTE).await;
    let (_, next) = read(fixture, iterator.clone(), 1).await;
    let next = next.expect("an open shard has no end");
    fixture.pass(2 * MINUTE).await;
    let page = fixture.reader().read(&iterator).await;
    assert!(matches!(page, Err(StreamError::Expired)), "{page:?}");
    fixture.reader().read(&next).await.expect("it is younger");
    fixture.pass(14 * MINUTE).await;
    let page = fixture.reader().read(&next).await;
    assert!(matches!(page, Err(StreamError::Expired)), "{page:?}");

    let later = put_rows(fixture, 2..=2).await;
    let iterator = open(fixture, ShardPosition::After(&first))
        .await
        .expect("an iterator");
    let (records, _) = read(fixture, iterator, 1).await;
    assert_eq!(inserted(&records), [Some(later[0].clone())]);
}
