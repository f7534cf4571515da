//! The relay's metrics, from its log.

use devstack::Stack;
use serde_json::{Value, json};

use crate::raw_call::response;

/// Returns the sum of a metric over all batches so far.
pub(crate) async fn sum(stack: &Stack, http: &reqwest::Client, metric: &str) -> u64 {
    let function = &stack.deployment.functions["publish-events"];
    let described = stack.clients.lambda.get_function_configuration();
    let described = described.function_name(function).send().await.unwrap();
    let log_group = described.logging_config.unwrap().log_group.unwrap();
    let question = http
        .post(stack.emulator.endpoint().to_string())
        .header("x-amz-target", "Logs_20140328.FilterLogEvents")
        .body(json!({"logGroupName": log_group, "filterPattern": metric}).to_string());
    let found: Value = serde_json::from_str(&response("logs", question).await).unwrap();
    let lines = found["events"].as_array().unwrap().iter();
    let metrics = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(line["message"].as_str()?).ok()?;
        line[metric].as_u64()
    });
    metrics.sum()
}
