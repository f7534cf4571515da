//! In which order an aggregate's events are published.

/// In which order a relay publishes the events of an aggregate.
///
/// ```no_run
/// # use outbox::{aws::{DynamoDbTable, EventBridgeBus, SqsQueue}, relay::Relay};
/// use outbox::relay::Order;
///
/// # fn relaxed(relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>) {
/// let relay = relay.with_order(Order::BestEffort);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// An event is published only once every earlier event of its aggregate was accepted by the
    /// bus, or discarded by an operator. It is held behind a parked one.
    #[default]
    InSequence,
    /// An event is published in sequence where that costs nothing. It overtakes parked events and
    /// those that were left to the sweeper. For consumers that don't depend on order.
    BestEffort,
}
