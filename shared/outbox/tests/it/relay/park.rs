//! Parking a row that was changed since the relay read it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::relay::{RowOutcome, Settled};
use outbox_testing::Operation;
use tokio::time::Instant;

use crate::memory::{Rows, in_memory, row_with_detail};

/// Settling has more time than publishing.
#[tokio::test(start_paused = true)]
async fn what_became_of_a_row_that_was_not_parked_is_asked_when_it_is_too_late_to_publish() {
    let aws = in_memory();
    let candidate = aws.insert_row(row_with_detail("a", 1, "broken"));
    let key = candidate.key.clone();
    aws.remove_row(&key);
    aws.set_latency(Operation::SendMessage, Duration::from_secs(4));
    aws.set_latency(Operation::BatchGetItem, Duration::from_millis(100));
    let deadline = Instant::now() + Duration::from_secs(5);
    let outcome = aws.relay().publish(vec![candidate], deadline).await;
    assert_eq!(
        outcome.of(&key),
        Some(&RowOutcome::Settled(Settled::Absent))
    );
}

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
