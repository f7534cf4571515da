//! The stack is deployed, updated and destroyed, and leaves nothing behind.

use std::{collections::BTreeMap, fs, path::Path};

use devstack::{Deployment, Paths, Stack, process_environment};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{place::place, scripts};

#[tokio::test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn a_stack_comes_changes_and_goes_three_times_and_leaves_nothing_behind() {
    let paths = Paths::of_this_project();
    let next_release = next_release();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut stack = Stack::start(&paths, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    for round in 1..=3 {
        let order = place(&stack, &http, round).await;
        let (tables, code) = (tables(&stack).await, code(&stack).await);

        update(&stack, next_release.path()).await;
        assert_eq!(self::tables(&stack).await, tables, "round {round}");
        for (function, updated) in self::code(&stack).await {
            assert_ne!(updated, code[&function], "{function}, round {round}");
        }
        let path = format!("/orders/{order}");
        let found = crate::place::request(&stack, &http, Method::GET, &path);
        let found: Value = found.send().await.unwrap().json().await.unwrap();
        assert_eq!(found["id"], *order, "round {round}");
        place(&stack, &http, round + 100).await;

        destroy(&stack).await;
        assert_eq!(
            left(&stack, &http).await,
            Vec::<String>::new(),
            "round {round}"
        );
        if round < 3 {
            stack.deployment = Deployment::deploy(&paths, &stack.emulator).await.unwrap();
        }
    }
    stack.stop().await.unwrap();
}

/// The functions with a file more.
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

/// The streams of the tables, which name the moment each table was made.
async fn tables(stack: &Stack) -> Vec<Option<String>> {
    let deployment = &stack.deployment;
    let mut streams = Vec::new();
    for name in [
        &deployment.orders_table,
        &deployment.outbox_table,
        &deployment.shipments_table,
    ] {
        let described = stack.clients.dynamodb.describe_table().table_name(name);
        let table = described.send().await.unwrap().table.unwrap();
        let made = table.creation_date_time().map(ToString::to_string);
        streams.extend([made, table.latest_stream_arn]);
    }
    streams
}

/// The hash of each function's code.
async fn code(stack: &Stack) -> BTreeMap<String, Option<String>> {
    let mut code = BTreeMap::new();
    for function in stack.deployment.functions.values() {
        let described = stack.clients.lambda.get_function().function_name(function);
        let described = described.send().await.unwrap().configuration.unwrap();
        code.insert(function.clone(), described.code_sha256);
    }
    code
}

/// What is there that has to do with orders.
async fn left(stack: &Stack, http: &reqwest::Client) -> Vec<String> {
    let clients = &stack.clients;
    let tables = clients.dynamodb.list_tables().send().await.unwrap();
    let queues = clients.sqs.list_queues().send().await.unwrap();
    let buses = clients.eventbridge.list_event_buses().send().await.unwrap();
    let functions = clients.lambda.list_functions().send().await.unwrap();
    let mappings = clients
        .lambda
        .list_event_source_mappings()
        .send()
        .await
        .unwrap();
    let mut left = tables.table_names.unwrap_or_default();
    left.extend(queues.queue_urls.unwrap_or_default());
    left.extend(buses.event_buses().iter().filter_map(|bus| bus.arn.clone()));
    left.extend(
        functions
            .functions()
            .iter()
            .filter_map(|function| function.function_name.clone()),
    );
    left.extend(
        mappings
            .event_source_mappings()
            .iter()
            .filter_map(|mapping| mapping.function_arn.clone()),
    );
    // Services that none of the clients is of.
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
        left.push(answer(service, question).await);
    }
    left.retain(|name| name.contains("orders"));
    left
}

async fn answer(service: &str, question: RequestBuilder) -> String {
    let scope = format!("test/20260101/eu-central-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let answer = question
        .header("authorization", signature)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{service}: {text}");
    text
}
