//! Without a collector nothing is exported, and nothing is there to export it.

use opentelemetry_sdk::trace::SdkTracerProvider;
use outbox::telemetry::{Telemetry, Trigger};

use super::{collector::Collector, pipeline, run, unused_endpoint};

const CALLER: (&str, &str) = (
    "TRACEPARENT",
    "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
);

#[tokio::test]
async fn a_process_whose_sdk_is_disabled_exports_nothing() {
    let collector = Collector::start().await;
    let url = collector.url();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    run(
        pipeline::PROGRAM,
        &[CALLER, endpoint, ("OTEL_SDK_DISABLED", "true")],
    );
    assert!(collector.requests().await.is_empty());

    run(pipeline::PROGRAM, &[CALLER, endpoint]);
    assert!(!collector.requests().await.is_empty());
}

/// Says whether the process has a thread of OpenTelemetry's.
#[tokio::test]
#[ignore = "a program that a test of this module runs"]
async fn threads() {
    let telemetry = Telemetry::from_environment().unwrap();
    // A thread that has worked has set its name.
    pipeline::invoke(&telemetry, "function", Trigger::Other, async {}).await;
    let mut names = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| {
        let name = thread.unwrap().path().join("comm");
        std::fs::read_to_string(name).unwrap()
    });
    let exports = names.any(|name| name.starts_with("OpenTelemetry"));
    assert_eq!(exports, telemetry.is_on());
    println!("exports: {exports}");
}

#[test]
fn a_process_without_a_collector_has_no_thread_for_spans() {
    let program = "telemetry::off::threads";
    let url = unused_endpoint();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    for (variables, exports) in [(&[][..], false), (&[endpoint][..], true)] {
        let output = run(program, variables);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&format!("exports: {exports}")), "{said}");
    }
}

#[test]
fn a_provider_of_ones_own_is_on() {
    assert!(Telemetry::of(SdkTracerProvider::builder().build()).is_on());
}
