//! A collector as a stub: it accepts spans by OTLP, and keeps them.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use prost::Message;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

pub(super) struct Collector(MockServer);

/// What tests look at.
pub(super) struct Received {
    pub(super) service: String,
    pub(super) span: Span,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let stub = MockServer::start().await;
        accept_spans(&stub).await;
        Self(stub)
    }

    pub(super) fn url(&self) -> String {
        self.0.uri()
    }

    /// Returns the requests, as they arrived.
    pub(super) async fn requests(&self) -> Vec<Request> {
        self.0.received_requests().await.unwrap()
    }

    pub(super) async fn spans(&self) -> Vec<Received> {
        self.requests().await.iter().flat_map(spans).collect()
    }
}

/// Makes a stub accept spans.
pub(super) async fn accept_spans(stub: &MockServer) {
    Mock::given(method("POST"))
        .and(path("/v1/traces"))
        .and(header("content-type", "application/x-protobuf"))
        .respond_with(ResponseTemplate::new(200))
        .mount(stub)
        .await;
}

/// Returns the spans in a request.
pub(super) fn spans(request: &Request) -> Vec<Received> {
    let export = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
    let mut spans = Vec::new();
    for of_resource in export.resource_spans {
        let resource = of_resource.resource.unwrap();
        let service = text(&resource.attributes, "service.name").unwrap();
        for span in of_resource.scope_spans.into_iter().flat_map(|it| it.spans) {
            let service = service.clone();
            spans.push(Received { service, span });
        }
    }
    spans
}

impl Received {
    pub(super) fn name(&self) -> &str {
        &self.span.name
    }

    pub(super) fn kind(&self) -> SpanKind {
        self.span.kind()
    }

    /// Returns its position, as a child or an event names it.
    pub(super) fn position(&self) -> (Vec<u8>, Vec<u8>) {
        (self.span.trace_id.clone(), self.span.span_id.clone())
    }

    /// Returns the position of its parent.
    pub(super) fn parent(&self) -> (Vec<u8>, Vec<u8>) {
        (self.span.trace_id.clone(), self.span.parent_span_id.clone())
    }

    /// Returns the positions that it has links to.
    pub(super) fn links(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let links = self.span.links.iter();
        links
            .map(|link| (link.trace_id.clone(), link.span_id.clone()))
            .collect()
    }

    pub(super) fn text(&self, attribute: &str) -> Option<String> {
        text(&self.span.attributes, attribute)
    }

    /// Returns what its status and the attribute `error.type` say, if it has failed.
    pub(super) fn error(&self) -> Option<String> {
        let code = self.span.status.as_ref().map(Status::code);
        (code == Some(StatusCode::Error)).then(|| self.text("error.type").unwrap())
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(is) => Some(is.to_string()),
        other => panic!("{name}: {other:?}"),
    }
}
