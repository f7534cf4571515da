//! Events have the trace of their request.

use std::sync::{Arc, Mutex};

use lambda_http::{
    Context, Request, RequestExt,
    http::HeaderValue,
    tracing::subscriber::{layer::SubscriberExt, registry},
};
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use outbox::{CloudEvent, telemetry::Telemetry};
use tracing::instrument::WithSubscriber;

use crate::fixture::*;

const X_RAY: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2";

const OF_X_RAY: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

const OF_CALLER: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01";

fn traced(mut request: Request, x_ray: Option<&str>, traceparent: Option<&'static str>) -> Request {
    if let Some(traceparent) = traceparent {
        let header = HeaderValue::from_static(traceparent);
        request.headers_mut().insert("traceparent", header);
    }
    let mut context = Context::default();
    context.xray_trace_id = x_ray.map(str::to_owned);
    request.with_lambda_context(context)
}

#[tokio::test]
async fn events_carry_the_trace_of_the_invocation_and_of_the_caller() {
    for (x_ray, traceparent, stored, published) in [
        (Some(X_RAY), None, Some(X_RAY), Some(OF_X_RAY)),
        (Some(X_RAY), Some(OF_CALLER), Some(X_RAY), Some(OF_CALLER)),
        (
            None,
            Some(OF_CALLER),
            Some("Root=1-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=bbbbbbbbbbbbbbbb;Sampled=1"),
            Some(OF_CALLER),
        ),
        (Some(X_RAY), Some("broken"), Some(X_RAY), Some(OF_X_RAY)),
        (None, None, None, None),
    ] {
        let fixture = Fixture::start().await;
        let answer = fixture
            .post(traced(post(&order()), x_ray, traceparent))
            .await;
        let id = answer.body["id"].as_str().unwrap();
        let cancelling = traced(cancel(id), x_ray, traceparent);
        cancel_order(&fixture.service, Callers::Anyone, cancelling).await;

        let events = fixture.events().await;
        assert_eq!(events.len(), 2);
        for row in events {
            assert_eq!(row.trace_header.as_deref(), stored);
            let event: CloudEvent = serde_json::from_str(&row.detail).unwrap();
            let traceparent = event.traceparent.as_ref();
            assert_eq!(traceparent.map(outbox::Traceparent::as_str), published);
        }
    }
}

/// API Gateway joins a header that was sent twice with a comma; elsewhere two headers
/// arrive.
#[tokio::test]
async fn a_traceparent_that_was_sent_twice_is_ignored() {
    let fixture = Fixture::start().await;
    let joined = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01,\
                  00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01";
    let mut twice = traced(post(&order()), Some(X_RAY), Some(OF_CALLER));
    let second = HeaderValue::from_static(&joined[56..]);
    twice.headers_mut().append("traceparent", second);
    for request in [twice, traced(post(&order()), Some(X_RAY), Some(joined))] {
        assert_eq!(fixture.post(request).await.status, 201);
    }
    for row in fixture.events().await {
        let event: CloudEvent = serde_json::from_str(&row.detail).unwrap();
        let traceparent = event.traceparent.as_ref();
        assert_eq!(traceparent.map(outbox::Traceparent::as_str), Some(OF_X_RAY));
    }
}

/// Keeps the spans that have ended.
#[derive(Debug, Clone, Default)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Exported {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(spans);
        Ok(())
    }
}

/// So the relay and the consumers of the event are below the request, which is below its caller.
#[tokio::test]
async fn events_have_the_position_of_their_request_while_it_is_traced() {
    for (x_ray, traceparent, caller) in [
        (Some(X_RAY), Some(OF_CALLER), Some(OF_CALLER)),
        (Some(X_RAY), None, Some(OF_X_RAY)),
        (None, None, None),
    ] {
        let exported = Exported::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exported.clone());
        let telemetry = Telemetry::of(provider.build());
        let subscriber = registry().with(telemetry.subscriber_layer());
        let fixture = Fixture::start().await;
        let place = async {
            let request = traced(post(&order()), x_ray, traceparent);
            assert_eq!(fixture.post(request).await.status, 201);
        };
        place.with_subscriber(subscriber).await;

        let spans = exported.0.lock().unwrap().clone();
        let [span] = &spans[..] else {
            panic!("{spans:?}");
        };
        assert_eq!(span.name, "POST /orders");
        assert_eq!(span.span_kind, SpanKind::Server);
        if let Some(caller) = caller {
            let parent = format!(
                "00-{}-{}-01",
                span.span_context.trace_id(),
                span.parent_span_id
            );
            assert_eq!(parent, caller);
        }
        let row = &fixture.events().await[0];
        assert_eq!(
            row.trace_header.as_deref().is_some_and(|it| it == X_RAY),
            x_ray.is_some()
        );
        let event: CloudEvent = serde_json::from_str(&row.detail).unwrap();
        let position = &span.span_context;
        let position = format!("00-{}-{}-01", position.trace_id(), position.span_id());
        assert_eq!(event.traceparent.unwrap().as_str(), position);
    }
}
