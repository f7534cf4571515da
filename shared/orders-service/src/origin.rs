//! Where a request comes from.

use lambda_http::{Body, Response};
use outbox::{Traceparent, telemetry};
use tracing::{Instrument, Span};

/// The ids that connect a request with its events and its log lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// API Gateway's id of the request.
    pub(crate) correlation_id: Option<String>,
    /// The X-Ray trace header of this invocation.
    pub(crate) trace_header: Option<String>,
    /// The caller's W3C trace context, or else that of this invocation.
    pub(crate) traceparent: Option<Traceparent>,
}

impl Origin {
    /// Handles a request within its two spans: one for OpenTelemetry, with the name of the route,
    /// and one for the log.
    pub(crate) async fn trace(
        &self,
        route: &'static str,
        handled: impl Future<Output = Response<Body>>,
    ) -> Response<Body> {
        let span = telemetry::request_span(route, self.traceparent.as_ref());
        let handled = handled.instrument(self.log_span()).instrument(span.clone());
        let response = handled.await;
        telemetry::respond(&span, response.status().as_u16());
        response
    }

    /// Creates a span that adds the trace id to log lines.
    fn log_span(&self) -> Span {
        let trace_id = self.traceparent.as_ref().map(Traceparent::trace_id);
        tracing::info_span!("request", trace_id)
    }
}
