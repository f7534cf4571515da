//! The spans of events that are handled.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use outbox::telemetry::Telemetry;
use serde_json::json;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::fixture::*;

/// Keeps the spans that have ended.
#[derive(Debug, Clone, Default)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Exported {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(spans);
        Ok(())
    }
}

#[tokio::test]
async fn each_event_has_a_span_below_the_command_that_says_whether_it_was_handled() {
    let exported = Exported::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exported.clone());
    let telemetry = Telemetry::of(provider.build());
    let subscriber = registry().with(telemetry.subscriber_layer());
    let fixture = Fixture::start().await;
    let [mut created, mut cancelled] = fixture.placed_and_cancelled(1).await;
    let command = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    created["traceparent"] = json!(command);
    cancelled["traceparent"] = json!(command);
    // Older than the inbox allows.
    cancelled["time"] = json!("2026-01-01T00:00:00Z");
    let messages = vec![
        message("created", &created),
        message("too old", &cancelled),
        text_message("no event", "nonsense"),
    ];
    let handled = fixture.shipping.handle_batch(batch(messages), in_time());
    handled.with_subscriber(subscriber).await;

    let mut spans = exported.0.lock().unwrap().clone();
    spans.sort_by_key(|span| span.name.clone());
    let [failed, succeeded] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(succeeded.name, "process OrderCreated");
    assert_eq!(succeeded.status, Status::Unset);
    assert_eq!(failed.name, "process OrderCancelled");
    assert!(matches!(failed.status, Status::Error { .. }));
    for span in spans {
        assert_eq!(span.span_kind, SpanKind::Consumer);
        let parent = format!(
            "00-{}-{}-01",
            span.span_context.trace_id(),
            span.parent_span_id
        );
        assert_eq!(parent, command);
    }
}
