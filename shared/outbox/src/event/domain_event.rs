//! What a service's own events implement.

use serde::Serialize;

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
}
