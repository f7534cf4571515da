//! In which order an aggregate's events are published.

use std::str::FromStr;

/// In which order a relay publishes the events of an aggregate.
///
/// Functions read it from their configuration by its name: `"BestEffort".parse::<Order>()`.
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
    ///
    /// A request may have several events of an aggregate if the bus allows that. `EventBridge` does,
    /// and may then reject an earlier one for now and accept a later one.
    #[default]
    InSequence,
    /// The same, and no request has several events of an aggregate. That takes a round trip for each
    /// event of an aggregate in a batch, instead of one for all.
    Strict,
    /// An event is published in sequence where that costs nothing. It overtakes parked events and
    /// those that were left to the sweeper. For consumers that don't depend on order.
    BestEffort,
}

/// A text that is not the name of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no order: use InSequence, Strict or BestEffort")]
pub struct UnknownOrder(String);

impl Order {
    /// Returns whether an event waits for every earlier one of its aggregate.
    ///
    /// ```
    /// use outbox::relay::Order;
    ///
    /// assert!(Order::InSequence.is_kept());
    /// assert!(Order::Strict.is_kept());
    /// assert!(!Order::BestEffort.is_kept());
    /// ```
    pub fn is_kept(self) -> bool {
        self != Self::BestEffort
    }
}

impl FromStr for Order {
    type Err = UnknownOrder;

    fn from_str(name: &str) -> Result<Self, UnknownOrder> {
        match name {
            "InSequence" => Ok(Self::InSequence),
            "Strict" => Ok(Self::Strict),
            "BestEffort" => Ok(Self::BestEffort),
            other => Err(UnknownOrder(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_from_its_name() {
        assert_eq!("InSequence".parse(), Ok(Order::InSequence));
        assert_eq!("Strict".parse(), Ok(Order::Strict));
        assert_eq!("BestEffort".parse(), Ok(Order::BestEffort));
        for unknown in ["", "insequence", "InSequence "] {
            let error = unknown.parse::<Order>().unwrap_err().to_string();
            assert!(
                error.ends_with("use InSequence, Strict or BestEffort"),
                "{error}"
            );
        }
    }
}
