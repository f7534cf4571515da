//! The stack is deployed, updated and destroyed, and leaves nothing behind.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use aws_sdk_lambda::primitives::Blob;
use devstack::{Deployment, Paths, Stack, process_environment};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{
    orders::{place, request},
    raw_call::response,
    scripts,
};

#[tokio::test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn three_deployments_updates_and_deletions_leave_nothing() {
    let paths = Paths::of_this_project().unwrap();
    let next_release = next_release();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut stack = Stack::start(&paths, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    for round in 1..=3 {
        let order = place_within_a_minute(&stack, &http, round).await;
        let (tables, code) = (tables(&stack).await, code(&stack).await);

        update(&stack, next_release.path()).await;
        assert_eq!(self::tables(&stack).await, tables, "round {round}");
        for (function, updated) in self::code(&stack).await {
            assert_ne!(updated, code[&function], "{function}, round {round}");
        }
        let path = format!("/orders/{order}");
        let found = request(&stack, &http, Method::GET, &path);
        let found: Value = found.send().await.unwrap().json().await.unwrap();
        assert_eq!(found["id"], *order, "round {round}");
        place_within_a_minute(&stack, &http, round + 100).await;
        start_relay(&stack).await;

        let kinds = resources(&stack, &http).await;
        let missing = kinds.iter().filter(|(_, names)| names.is_empty());
        assert_eq!(missing.count(), 0, "round {round}: {kinds:?}");
        destroy(&stack).await;
        let mut left = resources(&stack, &http).await;
        left.retain(|_, names| !names.is_empty());
        assert!(left.is_empty(), "round {round}: {left:#?}");
        if round < 3 {
            stack.deployment = Deployment::deploy(&paths, &stack.emulator).await.unwrap();
        }
    }
    stack.stop().await.unwrap();
}

/// Copies the functions, each with an additional file.
fn next_release() -> TempDir {
    let built = scripts().join("../target/lambda/local");
    let release = TempDir::new_in(scripts().join("../target")).unwrap();
    for function in fs::read_dir(built).unwrap() {
        let function = function.unwrap();
        let directory = release.path().join(function.file_name());
        fs::create_dir(&directory).unwrap();
        let program = function.path().join("bootstrap");
        fs::hard_link(program, directory.join("bootstrap")).unwrap();
        fs::write(directory.join("release"), "the next one").unwrap();
    }
    release
}

async fn update(stack: &Stack, functions: &Path) {
    let app = "node_modules/.bin/tsx test/next-release.ts";
    let arguments = ["deploy", "--app", app, "--require-approval", "never"];
    cdk(stack, &arguments, functions).await;
}

async fn destroy(stack: &Stack) {
    let assembly = stack.deployment.template.parent().unwrap();
    let app = assembly.to_str().unwrap();
    cdk(stack, &["destroy", "--app", app, "--force"], Path::new("")).await;
}

async fn cdk(stack: &Stack, arguments: &[&str], functions: &Path) {
    let output = TempDir::new_in(scripts().join("../target")).unwrap();
    let infra = scripts().join("../infra");
    let environment = process_environment(std::env::vars_os(), stack.emulator.endpoint());
    let cdk = Command::new(infra.join("node_modules/.bin/cdk"))
        .args(arguments)
        .arg("--output")
        .arg(output.path())
        .current_dir(infra)
        .env_clear()
        .envs(environment)
        .env("FUNCTIONS", functions)
        .output();
    let cdk = cdk.await.unwrap();
    assert!(cdk.status.success(), "{arguments:?}: {}", crate::text(&cdk));
}

async fn place_within_a_minute(stack: &Stack, http: &reqwest::Client, number: usize) -> String {
    let placed = timeout(Duration::from_mins(1), place(stack, http, number));
    placed.await.expect("the order is placed")
}

/// Invokes the relay with an empty batch, which shows that it starts. No mapping invokes it
/// in this test.
async fn start_relay(stack: &Stack) {
    let function = &stack.deployment.functions["publish-events"];
    let invoking = stack.clients.lambda.invoke().function_name(function);
    let invoked = invoking
        .payload(Blob::new(r#"{"Records": []}"#))
        .send()
        .await
        .unwrap();
    assert_eq!(invoked.function_error, None);
}

/// Returns when each table was created, and the outbox table's stream.
async fn tables(stack: &Stack) -> Vec<String> {
    let deployment = &stack.deployment;
    let mut tables = Vec::new();
    for output in ["OrdersTableName", "OutboxTableName", "ShipmentsTableName"] {
        let name = deployment.output(output).unwrap();
        let described = stack.clients.dynamodb.describe_table().table_name(name);
        let table = described.send().await.unwrap().table.unwrap();
        tables.push(table.creation_date_time.unwrap().to_string());
        tables.extend(table.latest_stream_arn);
    }
    assert_eq!(tables.len(), 4, "the outbox table has a stream");
    tables
}

/// Returns the hash of each function's code.
async fn code(stack: &Stack) -> BTreeMap<String, String> {
    let mut code = BTreeMap::new();
    for function in stack.deployment.functions.values() {
        let described = stack.clients.lambda.get_function();
        let described = described.function_name(function).send().await.unwrap();
        let hash = described.configuration.unwrap().code_sha256.unwrap();
        code.insert(function.clone(), hash);
    }
    code
}

/// Returns the names of all resources of each kind that contain "orders".
async fn resources(stack: &Stack, http: &reqwest::Client) -> BTreeMap<&'static str, Vec<String>> {
    let clients = &stack.clients;
    let tables = clients.dynamodb.list_tables().send().await.unwrap();
    let queues = clients.sqs.list_queues().send().await.unwrap();
    let buses = clients.eventbridge.list_event_buses().send().await.unwrap();
    let rules = clients.eventbridge.list_rules().send().await.unwrap();
    let functions = clients.lambda.list_functions().send().await.unwrap();
    let mappings = clients.lambda.list_event_source_mappings();
    let mappings = mappings.send().await.unwrap();
    let buses = buses.event_buses.unwrap_or_default().into_iter();
    let rules = rules.rules.unwrap_or_default().into_iter();
    let functions = functions.functions.unwrap_or_default().into_iter();
    let mappings = mappings.event_source_mappings.unwrap_or_default();
    let mut kinds = BTreeMap::from([
        ("tables", tables.table_names.unwrap_or_default()),
        ("queues", queues.queue_urls.unwrap_or_default()),
        ("buses", buses.filter_map(|bus| bus.name).collect()),
        ("rules", rules.filter_map(|rule| rule.name).collect()),
        (
            "functions",
            functions
                .filter_map(|function| function.function_name)
                .collect(),
        ),
        (
            "mappings",
            mappings
                .into_iter()
                .filter_map(|mapping| mapping.function_arn)
                .collect(),
        ),
    ]);
    // There are no clients of these services, so their whole responses are searched.
    let endpoint = stack.emulator.endpoint();
    let form = |body: &'static str| {
        let request = http.post(endpoint.to_string());
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    let log_groups = http.post(endpoint.to_string());
    let log_groups = log_groups.header("x-amz-target", "Logs_20140328.DescribeLogGroups");
    for (service, question) in [
        ("iam", form("Action=ListRoles&Version=2010-05-08")),
        (
            "cloudformation",
            form("Action=DescribeStacks&Version=2010-05-15"),
        ),
        ("logs", log_groups.body("{}")),
        ("apigateway", http.get(format!("{endpoint}/v2/apis"))),
    ] {
        kinds.insert(service, vec![response(service, question).await]);
    }
    for names in kinds.values_mut() {
        names.retain(|name| name.contains("orders"));
    }
    kinds
}
