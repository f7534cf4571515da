//! Events behind one that failed.

use outbox::ports::EntryError;

use super::publish::{insert, publish};
use crate::memory::{Rows, in_memory, reject, transient};

#[tokio::test(start_paused = true)]
async fn an_event_rejected_for_now_does_not_overtake_one_that_failed() {
    let aws = in_memory();
    let mut attempts = 0;
    // In one request, the first fails for this call, and the second could be retried.
    aws.set_fault_plan(reject(move |key| match key.to_string().as_str() {
        "a/1" => Some(EntryError::Configuration("NotAuthorized".into())),
        "a/2" => {
            attempts += 1;
            (attempts == 1).then(transient)
        }
        _ => None,
    }));
    publish(&aws, insert(&aws, &[("a", 1), ("a", 2), ("b", 1)])).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.pending_rows(), ["a/1", "a/2"]);
}
