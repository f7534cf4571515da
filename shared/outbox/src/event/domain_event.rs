//! What a service's own events implement.

use serde::Serialize;

use crate::event::ExtensionValue;

/// Something that happened in the domain and is published.
///
/// The serialized event becomes `data` of the CloudEvents envelope.
///
/// ```
/// use outbox::DomainEvent;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct OrderCreated {
///     total: u64,
/// }
///
/// impl DomainEvent for OrderCreated {
///     fn event_type(&self) -> &str {
///         "OrderCreated"
///     }
/// }
/// ```
///
/// All events of an aggregate may be one `enum`; the example
/// [`append`](crate#append) has one.
pub trait DomainEvent: Serialize {
    /// Returns the type of the event, in the past tense: CloudEvents `type` and EventBridge
    /// `DetailType`. 1 to 128 characters. Consumers' rules match on it, so it must not
    /// change once events are published.
    fn event_type(&self) -> &str;

    /// Returns the URI of the data's schema: CloudEvents `dataschema`.
    fn data_schema(&self) -> Option<&str> {
        None
    }

    /// Returns the extensions of this event, with their names: attributes of the envelope that
    /// consumers' rules can match without knowing the data. `Transaction::extension` sets one for all
    /// events of a change, and says which names and values are valid.
    ///
    /// ```
    /// use outbox::{DomainEvent, ExtensionValue};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct OrderCreated {
    ///     total: u64,
    /// }
    ///
    /// impl DomainEvent for OrderCreated {
    ///     fn event_type(&self) -> &str {
    ///         "OrderCreated"
    ///     }
    ///
    ///     fn extensions(&self) -> Vec<(&str, ExtensionValue)> {
    ///         vec![("large", (self.total > 100_000).into())]
    ///     }
    /// }
    /// ```
    fn extensions(&self) -> Vec<(&str, ExtensionValue)> {
        Vec::new()
    }
}
