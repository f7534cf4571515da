use crate::{Order, OrderEvent};

/// What a command has made of an order, and the events that tell of it. Save
/// both or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The order as it is now.
    pub order: Order,
    /// What happened, in this order; nothing if there was nothing to do.
    pub events: Vec<OrderEvent>,
}
