//! Checks of the outbox table: Amazon DynamoDB, or a replacement.

mod delete;
mod look_up;
mod park;
mod parked_rows;
mod query;
mod read;
mod scan;
mod written;

use jiff::Timestamp;
use outbox::{
    OutboxRow, Parked, RowKey,
    ports::{Discard, Edit, OutboxTable, ParkedRows},
};

use self::delete::{
    a_delete_removes_what_it_names_and_nothing_else, a_delete_takes_at_most_twenty_five_keys,
};
use self::look_up::{
    a_key_may_be_listed_twice, a_look_up_returns_the_state_of_each_row,
    a_look_up_takes_at_most_a_hundred_keys,
};
use self::park::{
    a_park_leaves_alone_what_is_parked_or_gone,
    a_park_leaves_alone_what_was_edited_since_it_was_seen,
    a_park_marks_the_row_and_keeps_the_rest_of_it, unreadable_rows_are_returned_as_such,
};
use self::parked_rows::{
    a_discarded_row_is_not_a_row_of_the_outbox,
    a_row_before_an_edit_is_kept_and_is_not_a_row_of_the_outbox,
    an_edit_of_what_was_not_seen_changes_nothing,
};
use self::query::{
    a_query_continues_after_a_row_that_is_gone,
    a_query_ends_with_a_page_that_ends_with_the_last_wanted_row,
    a_query_ends_with_the_last_wanted_row, a_query_returns_one_aggregate_in_sequence,
    a_read_before_a_row_has_a_limit, a_read_before_a_row_returns_lower_sequences,
};
use self::scan::{
    a_scan_begins_behind_an_aggregate, a_scan_continues_after_rows_that_are_gone,
    a_scan_returns_every_row_once_and_aggregates_in_sequence,
};
use crate::check::suite;

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
    a_read_before_a_row_returns_lower_sequences,
    a_read_before_a_row_has_a_limit,
    a_discarded_row_is_not_a_row_of_the_outbox,
    a_row_before_an_edit_is_kept_and_is_not_a_row_of_the_outbox,
    an_edit_of_what_was_not_seen_changes_nothing,
);
