//! A function on Lambda's Runtime API exports the spans of each invocation before it asks for the
//! next one.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dynamodb_in_process::Address;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path_regex},
};

use super::collector::{accept_spans, spans};
use crate::{
    aws::stubs::{accept_all, event_bridge},
    examples::{producer, tables},
};

/// Ends the function at the end of the test.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The Runtime API with this many commands, and the collector: one stub, so that it sees in which
/// order both are called. The channel receives the number of each poll.
async fn lambda(commands: usize) -> (MockServer, mpsc::UnboundedReceiver<usize>) {
    let stub = MockServer::start().await;
    let (polls, polled) = mpsc::unbounded_channel();
    let count = AtomicUsize::new(0);
    let next = move |_: &Request| {
        let poll = count.fetch_add(1, Ordering::SeqCst);
        polls.send(poll).ok();
        let invocation = ResponseTemplate::new(200)
            .insert_header("lambda-runtime-aws-request-id", format!("request-{poll}"))
            .insert_header("lambda-runtime-deadline-ms", "4102444800000")
            .insert_header("lambda-runtime-invoked-function-arn", "arn:function")
            .set_body_json(json!({"id": format!("ticket#{poll}"), "title": "Broken"}));
        if poll < commands {
            invocation
        } else {
            invocation.set_delay(Duration::from_hours(1))
        }
    };
    Mock::given(method("GET"))
        .and(path_regex("/invocation/next$"))
        .respond_with(next)
        .mount(&stub)
        .await;
    Mock::given(method("POST"))
        .and(path_regex("/response$"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&stub)
        .await;
    accept_spans(&stub).await;
    (stub, polled)
}

/// The variables of a function.
fn function(lambda: &MockServer, bus: &MockServer, dynamodb: Address) -> Command {
    let mut command = producer("opentelemetry", dynamodb);
    command
        .env("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.uri())
        .env("EVENT_BUS_NAME", "help-desk")
        .env("AWS_LAMBDA_RUNTIME_API", lambda.address().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "open-ticket-function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    command
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_ends_the_function_at_its_start_with_a_message() {
    let (address, _client) = tables().await;
    let bus = event_bridge(accept_all).await;
    let (lambda, _polled) = lambda(0).await;
    let mut command = function(&lambda, &bus, address);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318");
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8(output.stdout).unwrap();
    let problem = "environment variable OTEL_EXPORTER_OTLP_ENDPOINT is no URL of a collector";
    assert!(log.contains(problem), "{log}");
    assert!(lambda.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn spans_are_exported_after_the_response_and_before_the_next_invocation() {
    let (address, _client) = tables().await;
    let bus = event_bridge(accept_all).await;
    let (lambda, mut polled) = lambda(2).await;
    let mut command = function(&lambda, &bus, address);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", lambda.uri())
        .stdout(Stdio::null());
    let _function = Function(command.spawn().unwrap());
    for _ in 0..3 {
        let poll = timeout(Duration::from_secs(30), polled.recv()).await;
        assert!(poll.unwrap().is_some());
    }

    let requests = lambda.received_requests().await.unwrap();
    let step = |request: &Request| match request.url.path().rsplit('/').next().unwrap() {
        "traces" => {
            let mut names: Vec<_> = spans(request)
                .iter()
                .map(|span| span.name().to_owned())
                .collect();
            names.sort();
            names.join(", ")
        }
        other => other.to_owned(),
    };
    let first = requests.iter().find(|it| it.url.path() == "/v1/traces");
    let first = spans(first.unwrap());
    let named = |name: &str| first.iter().find(|span| span.name() == name).unwrap();
    let sent = named("send TicketOpened");
    assert_eq!(sent.parent(), named("open-ticket").position());
    assert_eq!(sent.links(), [named("open-ticket-function").position()]);

    let spans = "open-ticket, open-ticket-function, send TicketOpened";
    let steps: Vec<_> = requests.iter().map(step).collect();
    assert_eq!(
        steps,
        ["next", "response", spans, "next", "response", spans, "next"]
    );
}
