//! What AWS does not document, decided here and nowhere else. The crate's front
//! page lists it.

use jiff::SignedDuration;

/// AWS: a partial failure with bisect on cuts the batch at the reported record.
/// Where that is the first record there is nothing to cut; halving then
/// isolates a record that keeps failing, as bisecting is there to do.
pub(crate) const HALVE_WHEN_THE_FIRST_RECORD_FAILS: bool = true;

/// AWS: a record is tried until it expires, and a stream keeps it for 24 hours.
/// Here too it is told to the destination, or counted as dropped.
pub(crate) const STREAM_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// AWS: waits longer each time, not how long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// AWS: the payload holds at most 6 MB; what surrounds the records has room in
/// the rest.
pub(crate) const MOST_BATCH_BYTES: usize = 6 * 1024 * 1024 - 1024;

/// The pause after so many tries in a row that did not get on.
pub(crate) fn pause(tries: u32) -> SignedDuration {
    let doublings = tries.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}
