//! The stream mapping that invokes the relay.

use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{age, call_failure::call_failed, context::Context, error::Error};

/// Tags with the result of the last batch in the local stack. Its emulator doesn't know
/// the result, because devstack drives the mapping.
const LAST_RESULT: &str = "lastResult";
const LAST_RESULT_AT: &str = "lastResultAt";

/// The state and settings of the mapping.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relay {
    /// Lambda's words: `Enabled`, `Disabled`, or a transition such as `Enabling`.
    pub(crate) state: String,
    /// The result of the last batch, in Lambda's words.
    pub(crate) last_result: String,
    /// Its settings in words.
    pub(crate) settings: String,
    /// The name of the relay's function.
    #[serde(skip)]
    pub(crate) function: Option<String>,
    /// How long Lambda may collect events before it invokes the relay.
    #[serde(skip)]
    pub(crate) batching_window: SignedDuration,
}

impl Relay {
    pub(crate) async fn find(context: &Context) -> Result<Self, Error> {
        let id = &context.deployment.stream_mapping;
        let lambda = aws_sdk_lambda::Client::new(&context.config);
        let mapping = lambda
            .get_event_source_mapping()
            .uuid(id)
            .send()
            .await
            .map_err(call_failed(format!("GetEventSourceMapping {id}")))?;
        // The emulator's mapping is disabled: devstack drives the stream.
        let (state, last_result) = if context.deployment.is_local {
            let last_result = local_result(&lambda, &mapping).await?;
            (Some("driven by the local stack"), last_result)
        } else {
            let last_result = mapping.last_processing_result().unwrap_or("none yet");
            (mapping.state(), last_result.to_owned())
        };
        let window = mapping.maximum_batching_window_in_seconds();
        Ok(Self {
            state: state.unwrap_or("unknown").to_owned(),
            last_result,
            settings: settings(&mapping),
            function: function(&mapping).map(str::to_owned),
            batching_window: SignedDuration::from_secs(window.unwrap_or(0).into()),
        })
    }
}

/// Returns the result of the last batch in the local stack.
async fn local_result(
    lambda: &aws_sdk_lambda::Client,
    mapping: &GetEventSourceMappingOutput,
) -> Result<String, Error> {
    let arn = mapping.event_source_mapping_arn().unwrap_or_default();
    let listed = lambda
        .list_tags()
        .resource(arn)
        .send()
        .await
        .map_err(call_failed(format!("ListTags {arn}")))?;
    let tag = |name: &str| listed.tags()?.get(name);
    let Some(result) = tag(LAST_RESULT) else {
        return Ok("none yet".to_owned());
    };
    let at = tag(LAST_RESULT_AT).and_then(|at| at.parse::<Timestamp>().ok());
    let ago = at.map(|at| format!(", {} ago", age::age(at)));
    Ok(format!("{result}{}", ago.unwrap_or_default()))
}

/// Returns the function's name: `publish-events` in
/// `arn:aws:lambda:eu-central-1:123456789012:function:publish-events:live`.
fn function(mapping: &GetEventSourceMappingOutput) -> Option<&str> {
    mapping.function_arn()?.split(':').nth(6)
}

fn settings(mapping: &GetEventSourceMappingOutput) -> String {
    let number = |number: Option<i32>| match number {
        Some(-1) => "no limit".to_owned(),
        Some(number) => number.to_string(),
        None => "default".to_owned(),
    };
    let age = mapping.maximum_record_age_in_seconds();
    let age = match age {
        Some(seconds) if seconds >= 0 => age::text(SignedDuration::from_secs(seconds.into())),
        other => number(other),
    };
    format!(
        "batches of {}, {} at once a shard, {} retries, record age {age}",
        number(mapping.batch_size()),
        number(mapping.parallelization_factor()),
        number(mapping.maximum_retry_attempts()),
    )
}
