use lambda_http::{Request, RequestExt};
use outbox::Traceparent;
use tracing::Span;

use crate::{request::http_context, single_header::single_header};

/// Where a request comes from: what its events and its logs tell of that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) correlation_id: Option<String>,
    /// X-Ray's, of this invocation.
    pub(crate) trace_header: Option<String>,
    /// The caller's, or else that of this invocation.
    pub(crate) traceparent: Option<Traceparent>,
}

impl Origin {
    pub(crate) fn of(request: &Request) -> Self {
        let lambda = request.lambda_context_ref();
        let trace_header = lambda.and_then(|context| context.xray_trace_id.clone());
        // Which of two is right is unknown. Joined by a comma they are no traceparent, either.
        let callers = single_header(request.headers(), "traceparent")
            .ok()
            .flatten();
        let callers = callers.and_then(|value| Traceparent::parse(value.to_str().ok()?));
        Self {
            correlation_id: http_context(request).and_then(|context| context.request_id.clone()),
            traceparent: callers.or_else(|| Traceparent::from_x_ray(trace_header.as_deref()?)),
            trace_header,
        }
    }

    /// What is logged within tells of the trace.
    pub(crate) fn span(&self) -> Span {
        let trace_id = self.traceparent.as_ref().map(Traceparent::trace_id);
        tracing::info_span!("request", trace_id)
    }
}
