//! `pause` and `resume`: stop and start publishing.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call_failure::call_failed,
    context::{Context, Outcome},
    error::Error,
    output::Report,
    text::Text,
};

/// What publishes now. It takes effect within a minute.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishingState {
    /// `running` or `paused`. On the local stack, why it is neither.
    relay: &'static str,
    /// `running` or `paused`.
    sweeper: &'static str,
    /// The command that shows whether it has taken effect.
    #[serde(skip)]
    status: String,
}

/// Disables the stream mapping and the sweeper.
pub(crate) async fn pause(context: &Context) -> Result<PublishingState, Error> {
    let name = &context.deployment.sweep_schedule;
    aws_sdk_eventbridge::Client::new(&context.config)
        .disable_rule()
        .name(name)
        .send()
        .await
        .map_err(call_failed(format!("DisableRule {name}")))?;
    let relay = set_mapping(context, false).await?;
    Ok(PublishingState {
        relay,
        sweeper: "paused",
        status: context.command(&["status"]),
    })
}

/// Enables the stream mapping and the sweeper.
pub(crate) async fn resume(context: &Context) -> Result<PublishingState, Error> {
    let relay = set_mapping(context, true).await?;
    let name = &context.deployment.sweep_schedule;
    aws_sdk_eventbridge::Client::new(&context.config)
        .enable_rule()
        .name(name)
        .send()
        .await
        .map_err(call_failed(format!("EnableRule {name}")))?;
    Ok(PublishingState {
        relay,
        sweeper: "running",
        status: context.command(&["status"]),
    })
}

/// Enables or disables the stream mapping, and returns the relay's new state.
async fn set_mapping(context: &Context, enabled: bool) -> Result<&'static str, Error> {
    if context.deployment.is_local {
        // devstack drives the stream, because the emulator's own mapping loses records.
        // Enabled, that mapping would publish in addition to devstack.
        return Ok("driven by the local stack; stop 'make dev' to pause it");
    }
    let id = &context.deployment.stream_mapping;
    aws_sdk_lambda::Client::new(&context.config)
        .update_event_source_mapping()
        .uuid(id)
        .enabled(enabled)
        .send()
        .await
        .map_err(call_failed(format!("UpdateEventSourceMapping {id}")))?;
    Ok(if enabled { "running" } else { "paused" })
}

impl Report for PublishingState {
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }

    fn text(&self) -> Text {
        let mut text = Text::line(format_args!("relay: {}", self.relay));
        text.add(format_args!("sweeper: {}", self.sweeper));
        text.suggest("it takes effect within a minute", &self.status);
        text
    }
}
