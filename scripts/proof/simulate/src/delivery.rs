//! What the consumer's queue holds.

use tokio::time::Instant;

/// An event in the consumer's queue.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    /// The event as JSON, as the bus got it.
    pub(crate) detail: String,
    /// Until when a received message is hidden.
    pub(crate) hidden_until: Option<Instant>,
}
