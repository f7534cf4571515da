//! The settings of a function that publishes at once.

use std::ffi::OsString;

use crate::{
    at_once::AtOnce,
    aws::{DynamoDbTable, EventBridgeBus},
    relay::Order,
    settings::{InvalidVariable, order::order, variable::required},
};

/// What a function that publishes at once works with. The [module](crate::settings) lists the
/// variables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtOnceSettings {
    /// The name of the outbox table.
    pub outbox_table: String,
    /// The name of the bus; `None` if the function isn't meant to publish: the stack has not
    /// granted it.
    pub event_bus: Option<String>,
    /// Whether an aggregate's events are published in sequence.
    pub order: Order,
}

impl AtOnceSettings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    ///
    /// If a variable is missing or invalid. `EVENT_BUS_NAME` may be missing.
    pub fn from_environment() -> Result<Self, InvalidVariable> {
        Self::read(|name| std::env::var_os(name))
    }

    fn read(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, InvalidVariable> {
        let variable = |name| required(name, environment(name));
        let event_bus = match variable("EVENT_BUS_NAME") {
            Err(InvalidVariable::Missing(_)) => None,
            name => Some(name?),
        };
        Ok(Self {
            outbox_table: variable("OUTBOX_TABLE")?,
            event_bus,
            order: order(environment("EVENT_ORDER"))?,
        })
    }

    /// Returns the publisher; `None` without a bus.
    pub fn publisher(
        self,
        bus: aws_sdk_eventbridge::Client,
        table: aws_sdk_dynamodb::Client,
    ) -> Option<AtOnce<EventBridgeBus, DynamoDbTable>> {
        let bus = EventBridgeBus::new(bus, self.event_bus?);
        let table = DynamoDbTable::new(table, self.outbox_table);
        Some(AtOnce::new(bus, table).with_order(self.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<AtOnceSettings, InvalidVariable> {
        AtOnceSettings::read(|name| {
            let found = variables.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn without_a_bus_nothing_is_published_at_once() {
        let table = ("OUTBOX_TABLE", "outbox");
        let settings = read(&[table]).unwrap();
        assert_eq!(settings.event_bus, None);
        assert_eq!(settings.order, Order::default());
        let bus = ("EVENT_BUS_NAME", "orders");
        let settings = read(&[table, bus, ("EVENT_ORDER", "Strict")]).unwrap();
        assert_eq!(settings.event_bus.as_deref(), Some("orders"));
        assert_eq!(settings.order, Order::Strict);
    }

    #[test]
    fn what_the_function_cannot_work_with_is_named() {
        for (variables, expected) in [
            (
                vec![("EVENT_BUS_NAME", "orders")],
                "environment variable OUTBOX_TABLE is not set",
            ),
            (
                vec![("OUTBOX_TABLE", "outbox"), ("EVENT_BUS_NAME", "")],
                "environment variable EVENT_BUS_NAME is empty",
            ),
            (
                vec![("OUTBOX_TABLE", "outbox"), ("EVENT_ORDER", "sorted")],
                "environment variable EVENT_ORDER: \"sorted\" is no order: \
                 use InSequence, Strict or BestEffort",
            ),
        ] {
            assert_eq!(read(&variables).unwrap_err().to_string(), expected);
        }
    }
}
