//! The export of spans, as the environment says.

use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;

use super::{InvalidTelemetry, http_client::SdkHttpClient};

/// Creates a provider whose spans are exported in batches, by a thread of the SDK.
pub(super) fn provider() -> Result<SdkTracerProvider, InvalidTelemetry> {
    let runtime = Handle::try_current().map_err(InvalidTelemetry::NoRuntime)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(SdkHttpClient::new(runtime))
        // There is no time for it: the next invocation may be the last one.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(InvalidTelemetry::Exporter)?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource());
    Ok(provider.build())
}

/// Returns what the environment says of the service, which has the function's name unless it has
/// one of its own.
fn resource() -> Resource {
    let attributes = std::env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named = std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || attributes.split(',').any(names_service);
    let mut resource = Resource::builder();
    if !is_named && let Ok(function) = std::env::var("AWS_LAMBDA_FUNCTION_NAME") {
        resource = resource.with_service_name(function);
    }
    resource.build()
}

fn names_service(attribute: &str) -> bool {
    let name = attribute.split_once('=').map(|(name, _)| name.trim());
    name == Some("service.name")
}
