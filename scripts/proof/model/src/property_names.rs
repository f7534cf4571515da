//! The names of the properties that always hold.

/// The event is on the bus, in the table, or discarded by an operator.
pub(crate) const NOTHING_IS_LOST: &str = "a row that is gone was accepted";
/// No deleted or discarded row is written again.
pub(crate) const GONE_STAYS_GONE: &str = "a row that is gone stays gone";
/// Its event was published or discarded, has a dead letter, or was handed over to sweeper
/// and replay.
pub(crate) const DONE_IS_DONE: &str = "a record that counts as done is done";
/// The dead letter is in the queue as long as the row is parked.
pub(crate) const PARKED_HAS_LETTER: &str = "a parked row has a dead letter";
/// No pending or parked row loses a message about it.
pub(crate) const MESSAGES_STAY: &str = "a deleted message named nothing in the table";
/// A row is parked only with the content that was read.
pub(crate) const EDITED_IS_NOT_PARKED: &str = "an edited row is not parked";
/// No operator discards an event that is on the bus.
pub(crate) const DISCARDED_IS_NOT_PUBLISHED: &str = "nothing discarded is on the bus";
/// No publisher puts an event on the bus for the first time while an earlier one of its aggregate
/// is neither there nor discarded.
pub(crate) const ORDER: &str = "an aggregate's events reach the bus in sequence";
/// As the section "Bounds" of docs/guarantees.md promises for an invocation.
pub(crate) const COPIES_ARE_BOUNDED: &str = "a run puts an event on the bus twice at most";
/// The causes: a crash, a lost response, a failed delete, or two publishers with the same
/// row in flight.
pub(crate) const DUPLICATES_HAVE_CAUSES: &str = "a duplicate has a cause";
/// When no action is possible any more, table and queue are empty.
pub(crate) const EVERY_PATH_DRAINS: &str = "every path ends drained";
