//! OpenTelemetry: a trace that begins with a command, and goes on with the relay and with each
//! consumer of its events.
//!
//! | span | kind | its parent | begins and ends |
//! |---|---|---|---|
//! | the invocation, named after the function | internal | none | with the invocation |
//! | [`request_span`], of a command | server | the caller's `traceparent` | with the request |
//! | `send OrderCreated`, of the relay | producer | the event's `traceparent` | with the request to the bus |
//! | [`consumer_span`]: `process OrderCreated` | consumer | the event's `traceparent` | with the handling of the event |
//!
//! An event has the `traceparent` of the span that its transaction is committed in. So relay and
//! consumers are below the command, whichever invocation they run in. The one that the transaction
//! has is kept if it is of another trace. A batch has events of many traces, so its invocation is no
//! parent: each span has a link to it.
//!
//! All of this is off unless an environment variable names a collector. In `main`,
//! [`Telemetry::from_environment`] takes the place of `lambda_runtime`'s `init_default_subscriber`,
//! and [`Telemetry::layer`] exports the spans of each invocation:
//!
//! ```no_run
//! use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
//! use outbox::telemetry::{Telemetry, Trigger};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let telemetry = Telemetry::from_environment()?;
//!     let handler = service_fn(|event: LambdaEvent<serde_json::Value>| async move {
//!         Ok::<_, Error>(event.payload)
//!     });
//!     let runtime = Runtime::new(handler).layer(TracingLayer::new());
//!     runtime.layer(telemetry.layer(Trigger::Other)).run().await
//! }
//! ```
//!
//! # Variables
//!
//! | variable | meaning |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector; spans go to `/v1/traces` below it |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | where spans go, as it is; it precedes the other |
//! | `OTEL_SDK_DISABLED` | `true`: nothing is exported, as without an endpoint |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`, `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` | `http/protobuf`, the only one there is |
//! | `OTEL_SERVICE_NAME` | the name of the service; the function's by default |
//!
//! The SDK reads others, such as `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_TRACES_SAMPLER` and `OTEL_BSP_MAX_QUEUE_SIZE`: OpenTelemetry's [list][variables] has their
//! meaning. By default a span is exported if its parent is sampled, or if it has none.
//!
//! # A subscriber of your own
//!
//! The spans are those of the crate `tracing`, at the level `TRACE` and with the target
//! `outbox::telemetry`. A subscriber that leaves this target out costs nothing: no span is created,
//! and no event is parsed for its `traceparent`. [`Telemetry::of`] is for a tracer provider of your
//! own, and [`Telemetry::subscriber_layer`] for your subscriber.
//!
//! Spans have the names and ids of events and no data of them. Log lines are not exported.
//!
//! [variables]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

mod environment;
mod error;
mod export;
mod http_client;
mod runtime_layer;
mod spans;
mod start;

pub use error::InvalidTelemetry;
pub use lambda_runtime::layers::OpenTelemetryFaasTrigger as Trigger;
pub use runtime_layer::{TelemetryLayer, TelemetryService};
#[cfg(feature = "append")]
pub(crate) use spans::position_of_events;
#[cfg(feature = "relay")]
pub(crate) use spans::{TARGET, place};
pub use spans::{consumer_span, fail, request_span, respond};
pub use start::Telemetry;
