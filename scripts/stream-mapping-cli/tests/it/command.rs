//! The command with a missing function, a filter, a starting position, and a second
//! mapping.

use super::{
    function::{FailsBy, Function},
    lambda::{Dialect, Lambda},
    process::{StreamMapping, in_environment, settled, stream_mapping},
    queue::Queue,
    table::Table,
};

#[tokio::test]
async fn a_function_that_cannot_be_reached_is_retried() {
    let table = Table::start().await;
    table.put(1..=3).await;
    let lambda = Lambda::start(Dialect::Aws, 2).await;
    let queue = Queue::start().await;
    let mut command = stream_mapping(table.address, &lambda, &queue);
    command
        .args(["--event-source-arn", &table.stream_arn])
        .args(["--starting-position", "TRIM_HORIZON"])
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

    // The next invocation waits until the function runs.
    let _function = Function::start(lambda.address, FailsBy::Report);
    mapping.until(|log| settled(log) == 3).await;
    assert_eq!(lambda.batches(), [["1", "2", "3"]]);
    assert!(queue.messages().is_empty());

    // Later items arrive, too.
    table.put(4..=5).await;
    mapping.until(|log| settled(log) == 5).await;
    let (_, counts) = mapping.stop().await;
    assert_eq!(counts["FailedInvokeEventCount"], 6);
}

#[tokio::test]
async fn the_filter_and_the_starting_position_are_applied() {
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
async fn from_latest_older_records_are_skipped() {
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
    // The start of reading is not visible, so items are put until one arrives.
    let mut number = 10;
    while settled(&mapping.log()) == 0 {
        assert!(number < 500, "no record arrives: {:#?}", mapping.log());
        table.put(number..=number).await;
        number += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for batch in lambda.batches() {
        assert!(batch.iter().all(|name| name.len() > 1), "{batch:?}");
    }
}

#[tokio::test]
async fn a_second_mapping_of_function_and_stream_is_rejected() {
    let table = Table::start().await;
    table.put(1..=1).await;
    let lambda = Lambda::start(Dialect::Aws, 0).await;
    let queue = Queue::start().await;
    let _function = Function::start(lambda.address, FailsBy::Report);
    let command = |function: &str| {
        let mut command = in_environment(table.address, &lambda, &queue);
        command
            .args(["--event-source-arn", &table.stream_arn])
            .args(["--starting-position", "TRIM_HORIZON"])
            .args(["--function-name", function, "--log", "json"]);
        command
    };
    let first = StreamMapping::start(command("function"));
    first.until(|log| settled(log) == 1).await;
    let created = first.log()[0].clone();
    assert_eq!(created["event"], "created");

    // By its name and by its ARN, it is the same function.
    let function_arn = created["function"].as_str().unwrap();
    for name in ["function", function_arn] {
        let mut second = command(name);
        let rejected = tokio::task::spawn_blocking(move || second.output());
        let rejected = rejected.await.unwrap().unwrap();
        assert_eq!(rejected.status.code(), Some(1));
        let said = String::from_utf8(rejected.stderr).unwrap();
        let text = format!(
            "The event source arn (\" {} \") and function (\" {name} \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {}",
            table.stream_arn,
            created["uuid"].as_str().unwrap(),
        );
        assert!(said.contains(&text), "{said}");
    }
    // Another function may read the stream as well.
    let other = StreamMapping::start(command("other"));
    other
        .until(|log| log.iter().any(|entry| entry["event"] == "created"))
        .await;
    first.stop().await;
    let next = StreamMapping::start(command("function"));
    next.until(|log| settled(log) == 1).await;
}
