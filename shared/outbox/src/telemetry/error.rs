//! Why spans can't be exported as the environment says.

use lambda_runtime::tracing::subscriber::util::TryInitError;
use opentelemetry_otlp::ExporterBuildError;

/// Why [`Telemetry::from_environment`](super::Telemetry::from_environment) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTelemetry {
    /// The endpoint is no URL. It is not shown, because it may contain a key.
    #[error("environment variable {0} is no URL of a collector, such as http://localhost:4318")]
    Endpoint(&'static str),
    /// The path of spans can't be added to the endpoint.
    #[error(
        "environment variable OTEL_EXPORTER_OTLP_ENDPOINT has a query, and a path can't be added to \
         it: name the whole URL in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )]
    Query,
    /// The variable is not UTF-8.
    #[error("environment variable {0} is not UTF-8")]
    NotUtf8(&'static str),
    /// Spans can't be exported by this protocol.
    #[error(
        "environment variable {name} is {value:?}, but spans are exported by http/protobuf only: \
         remove it, and name the collector's endpoint for HTTP, whose port is usually 4318"
    )]
    Protocol {
        /// The name of the variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The exporter can't work with another of its variables.
    #[error("spans can't be exported as the environment says")]
    Exporter(#[source] ExporterBuildError),
    /// There is no Tokio runtime, which sends the spans.
    #[error("telemetry has to be started within a Tokio runtime")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// The process has a subscriber already.
    #[error("the process has a subscriber for its log already")]
    Subscriber(#[source] TryInitError),
}
