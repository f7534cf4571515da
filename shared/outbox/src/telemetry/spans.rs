//! The spans of a command and of a consumer, and what all spans have in common.

use lambda_runtime::tracing::Metadata;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use tracing::{Level, Span, field::Empty, span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{CloudEvent, Traceparent};

/// The target of the spans, for a subscriber's filter.
pub(crate) const TARGET: &str = "outbox::telemetry";

/// Returns whether a span is for OpenTelemetry, and so not for the log. `lambda_runtime`'s span of
/// an invocation has the field, too.
pub(super) fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.fields().field("otel.kind").is_some()
}

/// Returns the span of a request to this service, such as a command. `name` is one of few, for
/// example the route. The span continues the caller's trace; without one it is below the invocation.
///
/// ```
/// use outbox::{Traceparent, telemetry};
/// use tracing::Instrument;
///
/// # async fn place_order() -> u16 { 201 }
/// async fn handle(caller: Option<Traceparent>) -> u16 {
///     let span = telemetry::request_span("POST /orders", caller.as_ref());
///     let status = place_order().instrument(span.clone()).await;
///     telemetry::respond(&span, status);
///     status
/// }
/// ```
pub fn request_span(name: &str, caller: Option<&Traceparent>) -> Span {
    let span = span!(
        target: TARGET,
        Level::TRACE,
        "request",
        "otel.kind" = "server",
        "otel.name" = name,
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "http.response.status_code" = Empty,
    );
    place(&span, || caller.cloned());
    span
}

/// Returns the span of a consumer that handles this event. It is below the span that the event's
/// `traceparent` names: that of the command.
///
/// ```
/// use outbox::{CloudEvent, telemetry};
/// use tracing::Instrument;
///
/// # async fn start_shipment(event: &CloudEvent) -> Result<(), std::io::Error> { Ok(()) }
/// async fn handle(event: &CloudEvent) -> Result<(), std::io::Error> {
///     let span = telemetry::consumer_span(event);
///     let handled = start_shipment(event).instrument(span.clone()).await;
///     handled.inspect_err(|_| telemetry::fail(&span, "not_started"))
/// }
/// ```
pub fn consumer_span(event: &CloudEvent) -> Span {
    let span = span!(
        target: TARGET,
        Level::TRACE,
        "process",
        "otel.kind" = "consumer",
        "otel.name" = %format_args!("process {}", event.event_type),
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "messaging.system" = "aws_eventbridge",
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        "messaging.message.id" = event.id,
        "cloudevents.event_id" = event.id,
        "cloudevents.event_source" = event.source,
        "cloudevents.event_type" = event.event_type,
    );
    place(&span, || event.traceparent.clone());
    span
}

/// Records that what the span stands for has failed. `error` is one of few names or codes, such as
/// `ThrottlingException`: messages differ each time, and may contain what a trace must not. See
/// [`consumer_span`] for an example.
pub fn fail(span: &Span, error: &str) {
    span.record("error.type", error);
    span.record("otel.status_code", "ERROR");
}

/// Records the HTTP status of the response to a [request](request_span), which has an example. From
/// 500 on, the request has failed.
pub fn respond(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 && !span.is_disabled() {
        fail(span, &status.to_string());
    }
}

/// Returns the `traceparent` of events that are committed now, if it is not the one that the
/// transaction has: that of the span they are committed in. A position in another trace is left as
/// it is, because the caller has chosen it. `None` while telemetry is off.
#[cfg(feature = "append")]
pub(crate) fn position_of_events(of_transaction: Option<&Traceparent>) -> Option<Traceparent> {
    let current = traceparent(Context::current().span().span_context())?;
    let is_same_trace = |set: &Traceparent| set.trace_id() == current.trace_id();
    of_transaction.is_none_or(is_same_trace).then_some(current)
}

#[cfg(feature = "append")]
fn traceparent(context: &SpanContext) -> Option<Traceparent> {
    if !context.is_valid() {
        return None;
    }
    let (trace_id, span_id) = (context.trace_id(), context.span_id());
    let flags = context.trace_flags().to_u8();
    Traceparent::parse(&format!("00-{trace_id}-{span_id}-{flags:02x}"))
}

/// Puts a span below this parent, and links it with the invocation that it is created in. Without
/// a parent it is below the invocation. The parent is not asked for if telemetry is off.
pub(crate) fn place(span: &Span, parent: impl FnOnce() -> Option<Traceparent>) {
    if span.is_disabled() {
        return;
    }
    let Some(parent) = parent().and_then(|parent| remote(&parent)) else {
        return;
    };
    span.add_link(Context::current().span().span_context().clone());
    // Fails only for a subscriber that exports nothing, which needs no parent.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

fn remote(traceparent: &Traceparent) -> Option<SpanContext> {
    let fields: Vec<&str> = traceparent.as_str().split('-').collect();
    let [_, trace_id, span_id, flags] = fields[..] else {
        return None;
    };
    Some(SpanContext::new(
        TraceId::from_hex(trace_id).ok()?,
        SpanId::from_hex(span_id).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    ))
}

#[cfg(all(test, feature = "append"))]
mod tests {
    use lambda_runtime::tracing::subscriber::{layer::SubscriberExt, registry};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;
    use crate::telemetry::Telemetry;

    const CALLER: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    const OTHER: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01";

    #[test]
    fn events_are_below_the_span_of_their_commit_unless_they_are_in_another_trace() {
        let [caller, other] = [CALLER, OTHER].map(|text| Traceparent::parse(text).unwrap());
        let telemetry = Telemetry::of(SdkTracerProvider::builder().build());
        let subscriber = registry().with(telemetry.subscriber_layer());
        tracing::subscriber::with_default(subscriber, || {
            let span = request_span("POST /orders", Some(&caller));
            let _entered = span.enter();
            let own = position_of_events(Some(&caller)).unwrap();
            assert_eq!(own.trace_id(), caller.trace_id());
            assert_ne!(own, caller);
            assert_eq!(position_of_events(None), Some(own));
            assert_eq!(position_of_events(Some(&other)), None);
        });
        assert_eq!(position_of_events(Some(&caller)), None);
        assert_eq!(position_of_events(None), None);
    }
}
