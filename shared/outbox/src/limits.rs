//! What DynamoDB and EventBridge accept. Every number is AWS's own, or below it
//! where a comment says so.
//!
//! # What is checked before anything is sent
//!
//! Of every item that is put, the aggregate's, the events' rows and the caller's own,
//! of every key, and of every value of an expression:
//!
//! - numbers: 38 significant digits, 1E-130 to 9.99E+125, no NaN and no infinity;
//! - sets: not empty, no value twice (the numbers 1 and 1.0 are one value);
//! - keys: text, a number or binary, not empty, at most 2,048 bytes for a partition key
//!   and 1,024 for a sort key. Of an update, a delete or a condition check it is not
//!   known which attribute is the sort key, so there 2,048 is the limit for both;
//! - items: their size, how deep they are nested, names that are not empty, no NULL that
//!   is false;
//! - the transaction: its actions, its size, and no two actions on one item, comparing
//!   keys by value.
//!
//! Of every event: its type, its size as an item of the outbox, how deep its data is
//! nested, and numbers that JSON cannot express or that many readers would change. No
//! name has a control character: not the aggregate id, the type or the source, and not
//! `dataschema`, `correlationid` or `causationid`. Its extensions have valid names, none of them
//! twice, and text that is not empty and has no control character; they count as bytes of the
//! event.
//!
//! What only DynamoDB can know is rejected by it, and [`CommitError`](crate::CommitError)
//! says for which action and why: whether tables exist and keys are of the types that
//! they declare, the syntax of expressions and their names, how large an item becomes by
//! an update, and permissions.
//!
//! # Targets
//!
//! EventBridge takes a request of nearly 1 MB since January 2026, so every row fits. AWS documents
//! no Region in which that is otherwise, but the API reference of the China Regions still says 256 KB
//! for an entry. Where a bus takes less than it is sent, it rejects the event, which is parked.
//!
//! What a rule delivers to may take less, and EventBridge then drops the event or sends it to the
//! dead-letter queue of the target. AWS documents:
//!
//! | target | takes |
//! |---|---|
//! | SQS | 1 MB |
//! | Lambda, invoked asynchronously | 1 MB |
//! | SNS | 256 KB; up to 1 MB if the topic's `MaximumMessageSize` says so, for subscriptions of SQS, Lambda and Firehose |
//! | Step Functions | 256 KB, as the input of an execution |
//!
//! The event with EventBridge's envelope around it counts. Larger data goes into S3 with the
//! feature `claim-check`.
//!
//! # Example
//!
//! Everything is checked by the commit. The numbers are for code that splits its work before:
//!
//! ```
//! use outbox::limits::{MAX_ACTIONS, MAX_ITEM_BYTES};
//!
//! /// Returns how many more events fit into a transaction with these writes of the caller's
//! /// own. Two actions are for the aggregate and its claim.
//! fn events_left(own_writes: usize) -> usize {
//!     (MAX_ACTIONS - 2).saturating_sub(own_writes)
//! }
//!
//! assert_eq!(events_left(8), 90);
//! assert_eq!(MAX_ITEM_BYTES, 405_504);
//! ```

#[cfg(any(feature = "append", feature = "relay"))]
use crate::OutboxRow;

/// Actions in one `TransactWriteItems` (DynamoDB quotas).
pub const MAX_ACTIONS: usize = 100;

/// Bytes of all items in one transaction (DynamoDB quotas).
pub const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one item: `DynamoDB`'s 400 KB, less 4 KB so that a row can still be parked,
/// edited or discarded later, which adds attributes.
pub const MAX_ITEM_BYTES: usize = 400 * 1024 - 4 * 1024;

/// Levels of nested lists and maps in one item (DynamoDB quotas).
pub const MAX_ITEM_DEPTH: usize = 32;

/// Bytes of an aggregate id: `DynamoDB`'s 2048 for a partition key, less the prefix that the
/// key of a discarded row gets.
pub const MAX_AGGREGATE_ID_BYTES: usize = 2048 - "discarded#".len();

/// Bytes of all entries of one `PutEvents` request: "the total entry size must be less than 1MB" (its
/// API reference; 256 KB until January 2026). Of the two meanings of MB, this is the
/// smaller. An event whose row fits into an item, [`MAX_ITEM_BYTES`], always fits. What the targets of
/// rules take is [less](crate::limits#targets).
pub const MAX_REQUEST_BYTES: usize = 1_000_000 - 1;

/// Bytes of an edited `detail`: an item's, less 4 KB for the row's other attributes. If its keys,
/// source, type and trace are as long as they may be, they have a little more, which still fits into
/// the 400 KB of an item.
#[cfg(feature = "replay")]
pub(crate) const MAX_EDITED_BYTES: usize = MAX_ITEM_BYTES - 4 * 1024;

/// Returns the size of a row's `PutEvents` entry in bytes, as EventBridge counts it
/// ("Calculating event entry size" in its user guide). 14 bytes are for `Time`, which is
/// always sent. `ports::EventBus` has an example of a bus that uses it.
#[cfg(any(feature = "append", feature = "relay"))]
pub fn entry_bytes(row: &OutboxRow) -> usize {
    14 + row.source.len() + row.detail_type.len() + row.detail.len()
}

/// Characters of an event type: EventBridge's `DetailType`.
pub const MAX_EVENT_TYPE_CHARS: usize = 128;

/// Levels of nested arrays and objects in an event's data. JSON readers give
/// up at depths of their own, the widespread `serde_json` at 128.
pub const MAX_EVENT_DEPTH: usize = 100;

/// The largest integer every JSON reader understands exactly, 2^53 - 1
/// (RFC 8259, section 6).
pub const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;
