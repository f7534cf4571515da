//! What DynamoDB and EventBridge accept. Every number is AWS's own, or below it
//! where a comment says so.

/// Actions in one `TransactWriteItems` (DynamoDB quotas).
pub const MAX_ACTIONS: usize = 100;

/// Bytes of all items in one transaction (DynamoDB quotas).
pub const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one item: `DynamoDB`'s 400 KB, less 4 KB so that a row can still be
/// marked and moved later.
pub const MAX_ITEM_BYTES: usize = 400 * 1024 - 4 * 1024;

/// Levels of nested lists and maps in one item (DynamoDB quotas).
pub const MAX_ITEM_DEPTH: usize = 32;

/// Bytes of an aggregate id: `DynamoDB`'s 2048 for a partition key, less the
/// prefix a discarded row is kept under.
pub const MAX_AGGREGATE_ID_BYTES: usize = 2048 - "discarded#".len();

/// Bytes of one `PutEvents` entry and of all entries of one request. AWS
/// announced 1 MB in January 2026 without saying whether for the entry or the
/// request; this is the size every Region is documented to accept.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// Characters of an event type: EventBridge's `DetailType`.
pub const MAX_EVENT_TYPE_CHARS: usize = 128;

/// Levels of nested arrays and objects in an event's data. JSON readers give
/// up at depths of their own, the widespread `serde_json` at 128.
pub const MAX_EVENT_DEPTH: usize = 100;

/// The largest integer every JSON reader understands exactly, 2^53 - 1
/// (RFC 8259, section 6).
pub const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;
