//! What the command does when things are missing, and how it refuses options.

use std::process::{Command, Output};

use super::{
    function::{FailsBy, Function},
    lambda::{Dialect, Lambda},
    process::{StreamMapping, settled, stream_mapping},
    queue::Queue,
    table::Table,
};

#[tokio::test]
async fn a_function_that_cannot_be_reached_is_waited_for() {
    let table = Table::start().await;
    table.put(1..=3).await;
    let lambda = Lambda::start(Dialect::Aws, 2).await;
    let queue = Queue::start().await;
    let mut command = stream_mapping(table.address, &lambda, &queue);
    command
        .args(["--event-source-arn", &table.stream_arn])
        .args(["--maximum-retry-attempts", "0"]);
    let mapping = StreamMapping::start(command);
    let throttled = |log: &[serde_json::Value]| {
        let outcome = |entry: &serde_json::Value| {
            let text = entry["outcome"].as_str();
            text.is_some_and(|text| text.starts_with("not reached"))
        };
        log.iter().filter(|entry| outcome(entry)).count() == 2
    };
    mapping.until(throttled).await;

    // The invocation that follows waits until the function is there.
    let _function = Function::start(lambda.address, FailsBy::Report);
    mapping.until(|log| settled(log) == 3).await;
    assert_eq!(lambda.batches(), [["1", "2", "3"]]);
    assert!(queue.messages().is_empty());

    // What is written later goes on.
    table.put(4..=5).await;
    mapping.until(|log| settled(log) == 5).await;
    let (_, counts) = mapping.stop().await;
    assert_eq!(counts["FailedInvokeEventCount"], 6);
}

#[tokio::test]
async fn the_filter_and_the_starting_position_are_heeded() {
    let table = Table::start().await;
    table.put(1..=4).await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let _function = Function::start(lambda.address, FailsBy::Report);
    let pattern = r#"{\"dynamodb\": {\"Keys\": {\"pk\": {\"S\": [\"2\", {\"prefix\": \"4\"}]}}}}"#;
    let mut command = stream_mapping(table.address, &lambda, &queue);
    command
        .args(["--event-source-arn", &table.stream_arn])
        .args(["--starting-position", "TRIM_HORIZON"])
        .args([
            "--filter-criteria",
            &format!(r#"{{"Filters": [{{"Pattern": "{pattern}"}}]}}"#),
        ]);
    let mapping = StreamMapping::start(command);
    mapping.until(|log| settled(log) == 2).await;
    assert_eq!(lambda.batches(), [["2", "4"]]);
    let (_, counts) = mapping.stop().await;
    assert_eq!(counts["FilteredOutEventCount"], 2);
}

#[tokio::test]
async fn from_latest_what_was_written_before_is_passed_over() {
    let table = Table::start().await;
    table.put(1..=9).await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let _function = Function::start(lambda.address, FailsBy::Report);
    let mut command = stream_mapping(table.address, &lambda, &queue);
    command
        .args(["--event-source-arn", &table.stream_arn])
        .args(["--starting-position", "LATEST"]);
    let mapping = StreamMapping::start(command);
    // When reading has begun nobody can tell, so items are put until one comes.
    let mut number = 10;
    while settled(&mapping.log()) == 0 {
        assert!(number < 500, "nothing comes: {:#?}", mapping.log());
        table.put(number..=number).await;
        number += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for batch in lambda.batches() {
        assert!(batch.iter().all(|name| name.len() > 1), "{batch:?}");
    }
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_stream-mapping"))
        .args(["--event-source-arn", "arn", "--function-name", "function"])
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(status.code(), Some(2), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn options_outside_of_lambda_s_ranges_are_refused_by_name() {
    let filters = r#"{"Filters": [{"Pattern": "{\"a\": [{\"wildcard\": \"x\"}]}"}]}"#;
    for (arguments, said) in [
        (
            ["--batch-size", "10001"],
            "BatchSize must be 1 to 10,000, not 10001",
        ),
        (
            ["--maximum-batching-window-in-seconds", "301"],
            "MaximumBatchingWindowInSeconds must be 0 to 300, not 301",
        ),
        (
            ["--parallelization-factor", "0"],
            "ParallelizationFactor must be 1 to 10, not 0",
        ),
        (
            ["--maximum-retry-attempts", "10001"],
            "MaximumRetryAttempts must be -1 or 0 to 10,000, not 10001",
        ),
        (
            ["--maximum-record-age-in-seconds", "59"],
            "MaximumRecordAgeInSeconds must be -1 or 60 to 604,800, not 59",
        ),
        (
            ["--starting-position", "AT_TIMESTAMP"],
            "[possible values: TRIM_HORIZON, LATEST]",
        ),
        (
            ["--function-response-types", "Other"],
            "[possible values: ReportBatchItemFailures]",
        ),
        (["--filter-criteria", "{}"], "missing field `Filters`"),
        (
            ["--filter-criteria", filters],
            "\"wildcard\" is no rule that AWS documents for Lambda",
        ),
        (
            ["--destination-config", r#"{"OnSuccess": {}}"#],
            "unknown field `OnSuccess`",
        ),
        (
            ["--destination-config", "file:///no/such/file"],
            "/no/such/file: No such file",
        ),
    ] {
        let error = refused(&arguments);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn a_destination_that_is_no_queue_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_stream-mapping"))
        .args(["--event-source-arn", "arn", "--function-name", "function"])
        .args([
            "--destination-config",
            r#"{"OnFailure": {"Destination": "arn:aws:sns:eu-central-1:000000000000:topic"}}"#,
        ])
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is no SQS queue"), "{said}");
}
