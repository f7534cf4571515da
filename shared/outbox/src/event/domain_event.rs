use serde::Serialize;

/// Something that happened in the domain, told to the world.
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
pub trait DomainEvent: Serialize {
    /// What kind of event this is, in the past tense: CloudEvents `type` and
    /// EventBridge `DetailType`. 1 to 128 characters; consumers' rules match on
    /// it, so it never changes once published.
    fn event_type(&self) -> &str;

    /// Where the schema of the data is found: CloudEvents `dataschema`, a URI.
    fn data_schema(&self) -> Option<&str> {
        None
    }
}
