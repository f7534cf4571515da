//! When a look-up is repeated.

use std::time::Duration;

use outbox::relay::Settled;
use outbox_testing::Operation;
use tokio::time::Instant;

use super::publish::{failures, in_a_minute, settled_as};
use crate::memory::{Rows, in_memory, transient_call};

#[tokio::test(start_paused = true)]
async fn a_look_up_that_always_fails_is_repeated_less_and_less_often() {
    let aws = in_memory();
    let mut candidate = aws.insert("a", 1);
    candidate.written_at = None;
    aws.always_fail_with(Operation::BatchGetItem, transient_call());
    let outcome = aws.relay().publish(vec![candidate], in_a_minute()).await;
    assert_eq!(failures(&outcome).len(), 1);
    let calls = aws.calls(Operation::BatchGetItem).len();
    assert!((12..40).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn a_look_up_with_a_full_response_is_not_followed_by_a_pause() {
    let aws = in_memory();
    let mut candidate = aws.insert("a", 1);
    candidate.written_at = None;
    aws.remove_row(&candidate.key);
    let began = Instant::now();
    let outcome = aws.relay().publish(vec![candidate], in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}
