//! Events: what a domain publishes, and the envelope it travels in. No AWS.

mod aggregate;
mod cloud_event;
mod domain_event;
mod event_data;
pub(crate) mod extension;
mod json_problem;
mod read_cloud_event;
mod trace;

pub use aggregate::Aggregate;
#[cfg(feature = "append")]
pub(crate) use cloud_event::Circumstances;
pub use cloud_event::CloudEvent;
#[cfg(any(feature = "append", feature = "relay"))]
pub(crate) use cloud_event::sequence_text;
pub use domain_event::DomainEvent;
pub use event_data::{EventData, InvalidData};
pub use extension::ExtensionValue;
pub use json_problem::json_problem;
pub(crate) use read_cloud_event::string;
#[cfg(feature = "append")]
pub(crate) use trace::TraceHeader;
pub use trace::Traceparent;
#[cfg(all(feature = "opentelemetry", feature = "relay"))]
pub(crate) use trace::of_event;
