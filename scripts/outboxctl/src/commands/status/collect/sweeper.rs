//! The schedule that starts the sweeper.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{call_failure::call_failed, context::Context, error::Error};

/// The `EventBridge` rule of the sweeper.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sweeper {
    /// EventBridge's words: `ENABLED` or `DISABLED`.
    pub(crate) state: String,
    /// The schedule expression, such as `rate(5 minutes)`.
    pub(crate) schedule: String,
}

impl Sweeper {
    pub(crate) async fn find(context: &Context) -> Result<Self, Error> {
        let name = &context.deployment.sweep_schedule;
        let rule = aws_sdk_eventbridge::Client::new(&context.config)
            .describe_rule()
            .name(name)
            .send()
            .await
            .map_err(call_failed(format!("DescribeRule {name}")))?;
        Ok(Self {
            state: rule
                .state()
                .map_or("unknown", |state| state.as_str())
                .to_owned(),
            schedule: rule.schedule_expression().unwrap_or("none").to_owned(),
        })
    }
}
