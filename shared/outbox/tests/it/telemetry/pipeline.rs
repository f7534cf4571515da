//! A command, its relay and its consumer, each in an invocation of its own.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use data_encoding::HEXLOWER;
use lambda_runtime::{
    Config, Context, LambdaInvocation, Service,
    layers::TracingLayer,
    service_fn,
    tower::{BoxError, Layer},
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use outbox::{
    AggregateWrite, DomainEvent, KeySchema, Traceparent,
    telemetry::{self, Telemetry, Trigger},
};
use outbox_testing::InMemoryAws;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    collector::{Collector, Received},
    log, run,
};
use crate::memory::{poison, record, refuse};

const CALLER: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
const UNSAMPLED: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00";

/// What a trace must not contain.
const SECRET: &str = "DE89370400440532013000";

pub(super) const PROGRAM: &str = "telemetry::pipeline::program";

/// Commits an event of `paid/1` and one of `poison/1`, relays them, of which the bus rejects the
/// second, and consumes the first. The variable `TRACEPARENT` has the caller's.
#[tokio::test]
#[ignore = "a program that the tests of this module run"]
async fn program() {
    let telemetry = Telemetry::from_environment().unwrap();
    let caller = Traceparent::parse(&std::env::var("TRACEPARENT").unwrap());
    let aws = InMemoryAws::new();
    aws.create_table("accounts", KeySchema::partition_key("pk"));

    invoke(&telemetry, "command", Trigger::Http, async {
        let span = telemetry::request_span("POST /payments", caller.as_ref());
        assert_eq!(span.is_disabled(), !telemetry.is_on());
        let handled = async {
            for account in ["paid", "poison"] {
                pay(&aws, account, caller.clone()).await;
            }
        };
        handled.instrument(span.clone()).await;
        telemetry::respond(&span, 201);
    })
    .await;
    let positions = aws.appended().into_iter().map(|event| event.traceparent);
    for position in positions {
        let (position, caller) = (position.unwrap(), caller.as_ref().unwrap());
        assert_eq!(position.trace_id(), caller.trace_id());
        assert_eq!(position == *caller, !telemetry.is_on());
        assert_eq!(position.as_str()[53..], caller.as_str()[53..]);
    }

    invoke(&telemetry, "relay", Trigger::Datasource, async {
        aws.set_fault_plan(refuse("poison/1", poison()));
        let rows = aws.with(|services| services.appended().to_vec());
        let records: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let key = row.key.clone();
                let written_at = Some(row.committed_at);
                let row = Ok(row);
                record(
                    "1",
                    &outbox::Candidate {
                        key,
                        row,
                        written_at,
                    },
                )
            })
            .collect();
        let event = serde_json::from_value(json!({"Records": records})).unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        let report = aws.stream_handler().handle(event, deadline).await;
        assert_eq!((report.counts.published, report.counts.parked), (1, 1));
    })
    .await;

    invoke(&telemetry, "consumer", Trigger::PubSub, async {
        let event = &aws.published()[0];
        let span = telemetry::consumer_span(event);
        let handled = async { tracing::info!(event.id, "handled") };
        handled.instrument(span.clone()).await;
        telemetry::fail(&span, "out_of_stock");
    })
    .await;
}

#[derive(Serialize)]
struct Paid {
    iban: &'static str,
}

impl DomainEvent for Paid {
    fn event_type(&self) -> &str {
        "Paid"
    }
}

async fn pay(aws: &InMemoryAws, account: &str, caller: Option<Traceparent>) {
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create(account, "accounts", key, &json!({"pk": account}));
    let outbox = aws.outbox("payments").unwrap();
    let mut transaction = outbox.transaction(write).event(&Paid { iban: SECRET });
    if let Some(caller) = caller {
        transaction = transaction.traceparent(caller);
    }
    let committed = transaction.commit().await.unwrap();
    assert_eq!(committed.events.len(), 1);
    tracing::info!(account, "paid");
}

/// Invokes a function that does this work, with the layers of the deployed ones.
pub(super) async fn invoke(
    telemetry: &Telemetry,
    function: &str,
    trigger: Trigger,
    work: impl Future<Output = ()>,
) {
    let mut work = Some(work);
    let service = service_fn(move |_: LambdaInvocation| {
        let work = work.take().expect("one invocation");
        async move {
            work.await;
            Ok::<(), BoxError>(())
        }
    });
    let service = TracingLayer::new().layer(service);
    let mut service = telemetry.layer(trigger).layer(service);
    service.call(invocation(function)).await.unwrap();
}

fn invocation(function: &str) -> LambdaInvocation {
    let deadline = SystemTime::now() + Duration::from_mins(1);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let config = Config {
        function_name: function.to_owned(),
        ..Config::default()
    };
    let mut context = Context::default();
    context.deadline = deadline.try_into().unwrap();
    context.env_config = Arc::new(config);
    LambdaInvocation {
        parts: http::Response::new(()).into_parts().0,
        body: "{}".into(),
        context,
    }
}

/// Runs the program with a collector.
async fn spans(variables: &[(&str, &str)]) -> Vec<Received> {
    let collector = Collector::start().await;
    let url = collector.url();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    run(PROGRAM, &[&[endpoint], variables].concat());
    for request in collector.requests().await {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains(SECRET), "{body}");
    }
    collector.spans().await
}

fn named<'s>(spans: &'s [Received], name: &str) -> &'s Received {
    let mut named = spans.iter().filter(|span| span.name() == name);
    let found = named.next().unwrap_or_else(|| panic!("no span {name}"));
    assert!(named.next().is_none(), "two spans {name}");
    found
}

#[tokio::test]
async fn relay_and_consumer_are_below_the_command_which_is_below_its_caller() {
    let spans = spans(&[("TRACEPARENT", CALLER), ("OTEL_SERVICE_NAME", "payments")]).await;
    assert_eq!(spans.len(), 7);
    assert!(spans.iter().all(|span| span.service == "payments"));

    let request = named(&spans, "POST /payments");
    assert_eq!(request.kind(), SpanKind::Server);
    assert_eq!(hex(&request.parent()), &CALLER[3..52]);
    assert_eq!(request.text("http.response.status_code").unwrap(), "201");
    let consumer = named(&spans, "process Paid");
    assert_eq!(consumer.kind(), SpanKind::Consumer);
    let sent: Vec<_> = spans
        .iter()
        .filter(|span| span.name() == "send Paid")
        .collect();
    assert_eq!(sent.len(), 2);
    for below in sent.iter().copied().chain([consumer]) {
        assert_eq!(below.parent(), request.position());
        assert_eq!(below.text("messaging.system").unwrap(), "aws_eventbridge");
        assert_eq!(below.text("cloudevents.event_source").unwrap(), "payments");
        assert_eq!(below.text("cloudevents.event_type").unwrap(), "Paid");
    }
    let published = sent.iter().find(|span| span.error().is_none()).unwrap();
    assert_eq!(published.kind(), SpanKind::Producer);
    let id = "messaging.message.id";
    assert_eq!(published.text(id), consumer.text(id));
}

#[tokio::test]
async fn spans_have_links_to_the_invocations_that_they_ran_in() {
    let spans = spans(&[("TRACEPARENT", CALLER)]).await;
    for (function, trigger, span) in [
        ("command", "http", "POST /payments"),
        ("relay", "datasource", "send Paid"),
        ("consumer", "pubsub", "process Paid"),
    ] {
        let invocation = named(&spans, function);
        assert!(invocation.span.parent_span_id.is_empty());
        assert_eq!(invocation.text("faas.trigger").unwrap(), trigger);
        for span in spans.iter().filter(|it| it.name() == span) {
            assert_eq!(span.links(), [invocation.position()]);
        }
    }
}

#[tokio::test]
async fn what_failed_says_so() {
    let spans = spans(&[("TRACEPARENT", CALLER)]).await;
    let failed = spans
        .iter()
        .filter_map(|span| Some((span.name(), span.error()?)));
    let mut failed: Vec<_> = failed.collect();
    failed.sort();
    assert_eq!(
        failed,
        [
            ("process Paid", "out_of_stock".to_owned()),
            ("send Paid", "InvalidArgument".to_owned()),
        ]
    );
}

/// Only the invocations are in traces of their own.
#[tokio::test]
async fn a_trace_that_is_not_sampled_stays_so() {
    let spans = spans(&[("TRACEPARENT", UNSAMPLED)]).await;
    let names: Vec<_> = spans.iter().map(Received::name).collect();
    assert_eq!(names, ["command", "relay", "consumer"]);
}

#[tokio::test]
async fn the_service_has_the_name_of_the_function_unless_it_has_its_own() {
    let function = ("AWS_LAMBDA_FUNCTION_NAME", "the-function");
    for (variables, name) in [
        (vec![function], "the-function"),
        (vec![function, ("OTEL_SERVICE_NAME", "own")], "own"),
        (
            vec![
                function,
                ("OTEL_RESOURCE_ATTRIBUTES", "team=a,service.name=own"),
            ],
            "own",
        ),
    ] {
        let variables = [&variables[..], &[("TRACEPARENT", UNSAMPLED)]].concat();
        let spans = spans(&variables).await;
        assert!(spans.iter().all(|span| span.service == name), "{name}");
    }
}

#[tokio::test]
async fn the_log_is_the_same() {
    let collector = Collector::start().await;
    let caller = ("TRACEPARENT", CALLER);
    for level in ["INFO", "DEBUG", "TRACE"] {
        let level = ("AWS_LAMBDA_LOG_LEVEL", level);
        let off = run(PROGRAM, &[caller, level]);
        let url = collector.url();
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
        let on = run(PROGRAM, &[caller, level, endpoint]);
        let is_ours = |line: &&str| {
            line.contains(r#""message":"paid""#) || line.contains(r#""message":"handled""#)
        };
        let [off, on] = [&off, &on].map(|output| {
            let lines = log(output).into_iter().filter(is_ours);
            lines.collect::<Vec<_>>()
        });
        assert_eq!(off.len(), 3);
        assert!(off[0].contains("Lambda runtime invoke"), "{}", off[0]);
        // The id of the event differs.
        assert_eq!(off[..2], on[..2]);
    }
}

fn hex((trace_id, span_id): &(Vec<u8>, Vec<u8>)) -> String {
    format!("{}-{}", HEXLOWER.encode(trace_id), HEXLOWER.encode(span_id))
}
