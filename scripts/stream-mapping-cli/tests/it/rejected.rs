//! Invalid arguments and missing configuration, which end the command at once.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

use axum::{Router, http::StatusCode};

use super::{
    lambda::{Dialect, Lambda},
    process::stream_mapping,
    queue::Queue,
    table::Table,
};

const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-24T09:00:00.000";

/// Returns the command with an empty environment.
fn command(stream_arn: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    command
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .args(["--event-source-arn", stream_arn])
        .args(["--function-name", "function"])
        .args(["--starting-position", "TRIM_HORIZON"]);
    command
}

/// Returns the command with a Region, credentials, and an endpoint that does not respond.
fn command_without_aws(stream_arn: &str) -> Command {
    let mut command = command(stream_arn);
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ENDPOINT_URL", unused_endpoint());
    command
}

/// Returns an endpoint on which nothing listens.
fn unused_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Runs the command, which must fail with this status. Returns its standard error.
fn rejected(mut command: Command, status: i32) -> String {
    let Output {
        status: ended,
        stderr,
        stdout,
    } = command.output().unwrap();
    let error = String::from_utf8(stderr).unwrap();
    assert_eq!(ended.code(), Some(status), "{error}");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    error
}

#[test]
fn other_arns_are_rejected_by_what_they_are() {
    for (arn, said) in [
        ("None", "the table has no stream"),
        ("", "the table has no stream"),
        (
            "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
            "aws dynamodb describe-table --table-name orders --query Table.LatestStreamArn --output text",
        ),
        (
            "arn:aws:kinesis:eu-central-1:123456789012:stream/orders",
            "this is a Kinesis stream's ARN",
        ),
        (
            "arn:aws:sqs:eu-central-1:123456789012:orders",
            "is not the ARN of a DynamoDB stream",
        ),
    ] {
        // Before a missing Region is reported.
        let error = rejected(command(arn), 1);
        assert!(error.contains(said), "{arn}: {error}");
    }
}

#[test]
fn a_region_and_credentials_are_required() {
    let error = rejected(command(STREAM_ARN), 1);
    assert!(error.contains("no Region is set"), "{error}");
    assert!(error.contains("export AWS_REGION=eu-central-1"), "{error}");

    let mut without_credentials = command(STREAM_ARN);
    without_credentials.env("AWS_REGION", "eu-central-1");
    let error = rejected(without_credentials, 1);
    assert!(error.contains("there are no credentials"), "{error}");
    assert!(error.contains("AWS_PROFILE"), "{error}");
}

#[test]
fn an_endpoint_that_does_not_respond_is_named() {
    let endpoint = unused_endpoint();
    let mut command = command_without_aws(STREAM_ARN);
    command.env("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", &endpoint);
    let error = rejected(command, 1);
    let said = format!("{endpoint} does not respond like DynamoDB Streams");
    assert!(error.contains(&said), "{error}");
    assert!(error.contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn an_endpoint_of_another_service_is_named() {
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let endpoint = format!("http://{}", lambda.address);
    let mut command = command_without_aws(STREAM_ARN);
    command.env("AWS_ENDPOINT_URL", &endpoint);
    let error = tokio::task::spawn_blocking(move || rejected(command, 1));
    let error = error.await.unwrap();
    let said = format!("{endpoint} does not respond like DynamoDB Streams");
    assert!(error.contains(&said), "{error}");
}

#[tokio::test]
async fn a_missing_stream_is_reported_in_aws_s_words() {
    let table = Table::start().await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let arn = table.stream_arn.replace("/things/", "/others/");
    let mut command = stream_mapping(table.address, &lambda, &queue);
    command
        .args(["--event-source-arn", &arn])
        .args(["--starting-position", "TRIM_HORIZON"]);
    let error = tokio::task::spawn_blocking(move || rejected(command, 1));
    let error = error.await.unwrap();
    for said in [
        format!("Stream not found: {arn}"),
        format!("http://{} does not have it", table.address),
        // In one line, so that it can be copied.
        "aws dynamodb describe-table --table-name others --region".to_owned(),
    ] {
        assert!(error.contains(&said), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_dynamodb_streams_is_shown_with_the_endpoint() {
    let denied =
        r#"{"__type": "com.amazon.coral.service#AccessDeniedException", "message": "not you"}"#;
    let router = Router::new().fallback(move || async move { (StatusCode::BAD_REQUEST, denied) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut command = command_without_aws(STREAM_ARN);
    command.env("AWS_ENDPOINT_URL", &endpoint);
    let error = tokio::task::spawn_blocking(move || rejected(command, 1));
    let error = error.await.unwrap();
    let said = format!("{endpoint} rejected the request for stream {STREAM_ARN}");
    assert!(error.contains(&said), "{error}");
    assert!(error.contains("AccessDeniedException: not you"), "{error}");
}

#[test]
fn a_destination_of_another_kind_is_rejected() {
    for (destination, said) in [
        (
            "arn:aws:events:eu-central-1:000000000000:event-bus/orders",
            "is not an SQS queue, SNS topic or S3 bucket",
        ),
        (
            "kafka://orders",
            "is not an SQS queue, SNS topic or S3 bucket",
        ),
        (
            "arn:aws:sqs:eu-central-1:000000000000:dead.fifo",
            "Lambda accepts only standard queues and topics",
        ),
        (
            "arn:aws:sns:eu-central-1:000000000000:dead.fifo",
            "Lambda accepts only standard queues and topics",
        ),
        (
            "arn:aws:sqs:eu-central-1:000000000000:dead",
            "on-failure destination arn:aws:sqs:eu-central-1:000000000000:dead cannot be used",
        ),
        (
            "arn:aws:sns:eu-central-1:000000000000:dead",
            "on-failure destination arn:aws:sns:eu-central-1:000000000000:dead cannot be used",
        ),
        (
            "arn:aws:s3:::dead",
            "on-failure destination arn:aws:s3:::dead cannot be used",
        ),
    ] {
        let mut command = command_without_aws(STREAM_ARN);
        let config = format!(r#"{{"OnFailure": {{"Destination": "{destination}"}}}}"#);
        command.args(["--destination-config", &config]);
        let error = rejected(command, 1);
        assert!(error.contains(said), "{destination}: {error}");
    }
}

#[test]
fn a_starting_position_is_required() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    command.args([
        "--event-source-arn",
        STREAM_ARN,
        "--function-name",
        "function",
    ]);
    let error = rejected(command, 2);
    assert!(error.contains("--starting-position <POSITION>"), "{error}");
}

#[test]
fn options_out_of_lambda_s_ranges_are_rejected_by_name() {
    let pattern = |pattern: &str| {
        let filter = serde_json::json!({"Filters": [{"Pattern": pattern}]});
        ["--filter-criteria".to_owned(), filter.to_string()]
    };
    let option = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
    for (arguments, said) in [
        (
            option("--batch-size", "10001"),
            "BatchSize must be 1 to 10,000, not 10001",
        ),
        (
            option("--maximum-batching-window-in-seconds", "301"),
            "MaximumBatchingWindowInSeconds must be 0 to 300, not 301",
        ),
        (
            option("--parallelization-factor", "0"),
            "ParallelizationFactor must be 1 to 10, not 0",
        ),
        (
            option("--maximum-retry-attempts", "10001"),
            "MaximumRetryAttempts must be -1 or 0 to 10,000, not 10001",
        ),
        (
            option("--maximum-record-age-in-seconds", "59"),
            "MaximumRecordAgeInSeconds must be -1 or 60 to 604,800, not 59",
        ),
        (
            option("--tumbling-window-in-seconds", "30"),
            "TumblingWindowInSeconds 30 is not supported: a tumbling window passes state",
        ),
        (
            option("--function-response-types", "Other"),
            "[possible values: ReportBatchItemFailures]",
        ),
        (
            pattern(r#"{"a": [{"wildcard": "x"}]}"#),
            "\"wildcard\" is not a rule that AWS documents for Lambda",
        ),
        (
            pattern("single-string"),
            "Invalid filter pattern definition.",
        ),
        (
            pattern(r#"{"a": [{"numeric": ["<", 5, ">", 1]}]}"#),
            "Invalid filter pattern definition.",
        ),
        (
            option("--destination-config", r#"{"OnSuccess": {}}"#),
            "unknown field `OnSuccess`",
        ),
        (
            option("--destination-config", "file:///no/such/file"),
            "/no/such/file: No such file",
        ),
    ] {
        let mut command = command(STREAM_ARN);
        command.args(&arguments);
        let error = rejected(command, 2);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    command.args(["--starting-position", "AT_TIMESTAMP"]);
    let error = rejected(command, 2);
    assert!(
        error.contains("[possible values: TRIM_HORIZON, LATEST]"),
        "{error}"
    );
}
