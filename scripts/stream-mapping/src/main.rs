//! `stream-mapping`: drives a function with a DynamoDB stream as Lambda would.

// clap shows these comments as they are.
#![allow(clippy::doc_markdown)]

mod options;

use std::{process::ExitCode, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind};
use jiff::Timestamp;
use miette::IntoDiagnostic;
use serde_json::json;
use stream_mapping::Metrics;
use stream_mapping_driver::{Destination, Event, Function, Observer, Stream, StreamMapping};
use tokio::signal::unix::{SignalKind, signal};

/// Drives a function with the records of a DynamoDB stream, as Lambda's event
/// source mapping would: batches, retries, bisecting, partial batch responses,
/// record age, filters, the on-failure destination.
///
/// The stream is reached through AWS_ENDPOINT_URL_DYNAMODB_STREAMS, the function
/// through AWS_ENDPOINT_URL_LAMBDA, the queue through AWS_ENDPOINT_URL_SQS, and
/// each through AWS_ENDPOINT_URL otherwise; without them, AWS itself. Ctrl-C
/// stops.
///
/// Each start begins at the starting position: nothing is remembered.
#[derive(Parser)]
#[command(name = "stream-mapping", version, verbatim_doc_comment, after_help = EXAMPLE)]
struct Arguments {
    #[command(flatten)]
    mapping: options::Mapping,

    /// How to tell what happens.
    #[arg(long, value_enum, default_value_t = Log::Pretty)]
    log: Log,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    /// A line for people.
    Pretty,
    /// A JSON object for programs.
    Json,
}

const EXAMPLE: &str = "\
Example: a function served by `cargo lambda watch --timeout 60`, a table in an
emulator. (With a timeout, since a call is never answered when its function dies
or is replaced; here it counts as not reached.)

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566
  export AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:9000
  stream-mapping --event-source-arn \"$STREAM_ARN\" --function-name my-function \\
    --bisect-batch-on-function-error --maximum-retry-attempts 3 \\
    --function-response-types ReportBatchItemFailures \\
    --filter-criteria '{\"Filters\": [{\"Pattern\": \"{\\\"eventName\\\": [\\\"INSERT\\\"]}\"}]}' \\
    --destination-config '{\"OnFailure\": {\"Destination\": \"arn:aws:sqs:us-east-1:000000000000:dead\"}}'";

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mapping = match arguments.mapping.settings() {
        Ok(settings) => stream_mapping(&arguments, settings).await?,
        Err(error) => Arguments::command()
            .error(ErrorKind::ValueValidation, error)
            .exit(),
    };
    tokio::select! {
        result = mapping.run() => result.into_diagnostic()?,
        () = stopped() => {}
    }
    tell_metrics(arguments.log, &mapping.metrics());
    Ok(ExitCode::from(130))
}

/// Ctrl-C, or the end of the terminal or of whatever has started this.
async fn stopped() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut terminate), Ok(mut hangup)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn stream_mapping(
    arguments: &Arguments,
    settings: stream_mapping::Settings,
) -> miette::Result<StreamMapping> {
    // A connection that has died is noticed; functions have a timeout of their own.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await;
    let options = &arguments.mapping;
    let destination = match options.on_failure() {
        Some(arn) => {
            let client = aws_sdk_sqs::Client::new(&config);
            Some(Destination::find(client, arn).await.into_diagnostic()?)
        }
        None => None,
    };
    let streams = aws_sdk_dynamodbstreams::Client::new(&config);
    let lambda = aws_sdk_lambda::Client::new(&config);
    StreamMapping::new(
        Stream::new(streams, &options.event_source_arn),
        Function::new(lambda, &options.function_name),
        destination,
        settings,
        observer(arguments.log),
    )
    .into_diagnostic()
}

fn observer(log: Log) -> Observer {
    Arc::new(move |event: &Event| match log {
        Log::Pretty => println!("{} {event}", Timestamp::now().strftime("%H:%M:%S%.3fZ")),
        Log::Json => {
            let mut line = json!(event);
            line["time"] = json!(Timestamp::now());
            println!("{line}");
        }
    })
}

fn tell_metrics(log: Log, metrics: &Metrics) {
    let counts = [
        ("PolledEventCount", metrics.polled_event_count),
        ("FilteredOutEventCount", metrics.filtered_out_event_count),
        ("InvokedEventCount", metrics.invoked_event_count),
        ("FailedInvokeEventCount", metrics.failed_invoke_event_count),
        ("DroppedEventCount", metrics.dropped_event_count),
        (
            "OnFailureDestinationDeliveredEventCount",
            metrics.on_failure_destination_delivered_event_count,
        ),
    ];
    match log {
        Log::Pretty => {
            for (name, count) in counts {
                println!("{name}: {count}");
            }
        }
        Log::Json => println!(
            "{}",
            json!({"event": "metrics", "counts": counts.iter().copied().collect::<std::collections::BTreeMap<_, _>>()})
        ),
    }
}
