//! Where a request comes from.

use outbox::Traceparent;
use tracing::Span;

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
    /// Creates a span that adds the trace id to log lines.
    pub(crate) fn span(&self) -> Span {
        let trace_id = self.traceparent.as_ref().map(Traceparent::trace_id);
        tracing::info_span!("request", trace_id)
    }
}
