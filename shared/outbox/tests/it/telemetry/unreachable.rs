//! A collector that can't be reached costs an invocation a bounded time, and nothing else.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use outbox::telemetry::{Telemetry, Trigger};

use super::{log, pipeline::invoke, run, unused_endpoint};

const PROGRAM: &str = "telemetry::unreachable::program";

/// The export takes 2 s at most. Twice as long is left for a machine that is busy.
const MOST_TIME: Duration = Duration::from_secs(4);

#[tokio::test]
#[ignore = "a program that the tests of this module run"]
async fn program() {
    let telemetry = Telemetry::from_environment().unwrap();
    let begun = Instant::now();
    invoke(&telemetry, "function", Trigger::Other, async {
        tracing::info!("handled");
    })
    .await;
    assert!(begun.elapsed() < MOST_TIME, "{:?}", begun.elapsed());
}

/// Runs the program with this collector, and returns its log.
fn run_with(endpoint: &str) -> Vec<String> {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let output = run(PROGRAM, &[endpoint]);
    log(&output).into_iter().map(str::to_owned).collect()
}

fn has(log: &[String], message: &str) -> bool {
    log.iter().any(|line| line.contains(message))
}

#[test]
fn an_invocation_succeeds_without_a_collector_and_the_log_says_so() {
    let log = run_with(&unused_endpoint());
    assert!(has(&log, "handled"), "{log:?}");
    assert!(has(&log, "spans were not exported"), "{log:?}");
}

#[test]
fn an_invocation_succeeds_with_a_collector_that_does_not_respond_and_the_log_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let log = run_with(&format!("http://{}", listener.local_addr().unwrap()));
    assert!(has(&log, "handled"), "{log:?}");
    assert!(has(&log, "spans were not exported"), "{log:?}");
}

#[test]
fn a_variable_that_the_sdk_cannot_use_is_in_the_log() {
    let url = unused_endpoint();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    let output = run(PROGRAM, &[endpoint, ("OTEL_TRACES_SAMPLER", "no_such")]);
    let warned = log(&output)
        .into_iter()
        .any(|line| line.contains("no_such"));
    assert!(warned, "{output:?}");
}
