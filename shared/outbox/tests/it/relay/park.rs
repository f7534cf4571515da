//! Parking a row that an operator has edited since the relay read it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::Instant;

use crate::memory::{Rows, in_memory, row_with_detail};

#[tokio::test(start_paused = true)]
async fn poison_that_was_edited_since_it_was_read_is_left_pending() {
    let aws = in_memory();
    let candidate = aws.insert_row(row_with_detail("a", 1, "broken"));
    let key = candidate.key.clone();
    // Another relay has parked the row, and an operator has fixed and unparked it.
    aws.change_row(&key, |item| {
        item.insert("edits".into(), AttributeValue::N("1".into()));
    });
    let deadline = Instant::now() + Duration::from_mins(1);
    aws.relay().publish(vec![candidate], deadline).await;
    assert_eq!(aws.letters_sent(), 1, "the row was taken for poison");
    assert!(aws.parked().is_empty());
    assert_eq!(aws.pending_rows(), ["a/1"]);
}
