//! What a service's own aggregates implement.

use serde::{Serialize, de::DeserializeOwned};

/// Something with a history of its own, whose state is kept in one item of a table: an order, an
/// account. `AggregateTable` reads and writes it.
///
/// ```
/// use outbox::Aggregate;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Ticket {
///     id: String,
///     subject: String,
/// }
///
/// impl Aggregate for Ticket {
///     fn aggregate_id(&self) -> String {
///         format!("ticket#{}", self.id)
///     }
/// }
/// ```
pub trait Aggregate: Serialize + DeserializeOwned {
    /// Returns the id of the aggregate, which stays the same for ever: the key of its item, the
    /// partition key of its events' rows, and their CloudEvents `subject`. 1 to 2,038 bytes,
    /// with a prefix for the kind of aggregate, such as `ticket#1`.
    fn aggregate_id(&self) -> String;
}
