//! What AWS's documentation leaves open, and the choice of this crate.
//!
//! | AWS doesn't document | here |
//! |---|---|
//! | what happens to a batch, with bisecting on, when a partial failure names its first record, so that nothing can be cut off | it is split, so that a record that keeps failing ends in a batch of its own |
//! | whether a split resets the counts of retries and invocations | it doesn't: the halves keep the counts of the whole. A partial failure after the first record resets them, which was recorded |
//! | what an `itemIdentifier` means that is not in the batch, twice in the list, or a number | the first and the last fail the whole batch, the second counts once |
//! | what a response means that isn't JSON, is a JSON text, number or boolean, or a list with elements | the whole batch fails; an empty text (`""`) is a success, which was recorded |
//! | the pause before a retry | 0.5 s, doubled each time up to a minute, which matches the recorded number of invocations within 60 s. After a split, and after a partial failure after the first record, the pauses start again at 0.5 s |
//! | how an item's records are kept in order with `ParallelizationFactor` | by a hash of the item's key; each of the parallel batches has its own batching window |
//! | whether records that are given up together are reported together | they are, in one message |
//! | when a record's age is checked | before each attempt of its batch; only the records at the front that are too old are given up |
//! | what happens to a record that expires after 24 hours, without `MaximumRecordAgeInSeconds` | it is reported as too old, like any other |
//! | which `requestId` the message has when the function was never invoked | a UUID derived from the position in the stream: the same for the same records |
//! | how much of the 6 MB of an invocation is left for records | all but 1 KB |
//! | whether `InvokedEventCount` includes invocations that did not reach the function | it doesn't; `FailedInvokeEventCount` does |
//! | how often Lambda sends a record twice for internal reasons | never here |
//! | whether rules of EventBridge work that Lambda's page doesn't list (`wildcard`, `cidr`, nested rules) | they are rejected by name |
//! | which of two rules for one field counts, one with nested names and one with a name with dots | the pattern is rejected |
//!
//! Not supported: tumbling windows ([`Settings::tumbling_window`]), Kafka as a
//! destination.
//!
//! [`Settings::tumbling_window`]: crate::Settings::tumbling_window

use jiff::SignedDuration;

/// Whether a batch is split when a partial failure names its first record.
pub(crate) const HALVE_WHEN_THE_FIRST_RECORD_FAILS: bool = true;

/// How long a stream keeps a record, and so the longest time that it is retried.
pub(crate) const STREAM_RETENTION: SignedDuration = SignedDuration::from_hours(24);

const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// The most bytes of records in one invocation: its payload may have 6 MB, of which
/// 1 KB is reserved for the JSON around the records.
pub(crate) const MOST_BATCH_BYTES: usize = 6 * 1024 * 1024 - 1024;

/// Returns the pause after this many consecutive attempts without progress.
pub(crate) fn pause(tries: u32) -> SignedDuration {
    let doublings = tries.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}
