//! What AWS's pages leave open, and what this crate does there.
//!
//! | AWS doesn't say | here |
//! |---|---|
//! | what becomes of a batch with bisecting on when a partial failure names its first record, so that there is nothing to cut | it is halved, so that a record that keeps failing ends alone |
//! | whether a split starts the counts of retries and invocations afresh | it doesn't: the halves go on with the counts of the whole. A partial failure behind the first record does, which was recorded |
//! | what an `itemIdentifier` means that is not in the batch, twice in the list, or a number | the first and the last fail the whole batch, the second counts once |
//! | what a response means that isn't JSON, is a JSON text, number or boolean, or a list with something in it | the whole batch fails; an empty text (`""`) is a success, which was recorded |
//! | how long a retry waits | 0.5 s, then twice as long each time up to a minute; the recorded number of invocations within 60 s agrees with that. After a split, and after a partial failure behind the first record, the pauses start at 0.5 s |
//! | how an item's records are kept in order with `ParallelizationFactor` | by a hash of the item's key; each of the parallel batches has its own batching window |
//! | whether records that are given up together are reported together | they are, in one message |
//! | when a record's age is checked | when its batch is about to be tried; only the records at its front that are too old are given up |
//! | what becomes of a record that expires after 24 hours, without `MaximumRecordAgeInSeconds` | it is reported as too old, like any other |
//! | which `requestId` the message has when the function was never invoked | a UUID made from the place in the stream: the same for the same records |
//! | how much of the 6 MB of an invocation is left for records | all but 1 KB |
//! | whether `InvokedEventCount` includes invocations that did not reach the function | it doesn't; `FailedInvokeEventCount` does |
//! | how often Lambda hands a record over twice for reasons of its own | never here |
//! | whether a filter's rule that EventBridge has and Lambda's page doesn't (`wildcard`, `cidr`, nested rules) works | it is refused by name |
//! | which of two rules counts that a pattern has for one field, once as nested names and once as a name with dots | the pattern is refused |
//!
//! Not built: tumbling windows ([`Settings::tumbling_window`]), Kafka as a
//! destination.
//!
//! [`Settings::tumbling_window`]: crate::Settings::tumbling_window

use jiff::SignedDuration;

/// Whether a batch is halved when a partial failure names its first record.
pub(crate) const HALVE_WHEN_THE_FIRST_RECORD_FAILS: bool = true;

/// How long a stream keeps a record, which is how long it is tried at most.
pub(crate) const STREAM_RETENTION: SignedDuration = SignedDuration::from_hours(24);

const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Most bytes of the records of one invocation: its payload holds 6 MB, and what
/// surrounds the records has room in the rest.
pub(crate) const MOST_BATCH_BYTES: usize = 6 * 1024 * 1024 - 1024;

/// Returns the pause after so many tries in a row that moved no checkpoint.
pub(crate) fn pause(tries: u32) -> SignedDuration {
    let doublings = tries.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}
