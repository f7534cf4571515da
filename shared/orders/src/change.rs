//! The result of a command.

use crate::{Order, OrderEvent};

/// An order after a command, with the command's events. Save both or neither, in
/// one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The new state of the order.
    pub order: Order,
    /// The events, in this order; none if the command changed nothing.
    pub events: Vec<OrderEvent>,
}
