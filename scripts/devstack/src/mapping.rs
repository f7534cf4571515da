use aws_sdk_lambda::{
    operation::get_event_source_mapping::GetEventSourceMappingOutput,
    types::{EventSourcePosition, FunctionResponseType},
};
use jiff::SignedDuration;
use stream_mapping::{Filter, Settings};

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// A stream mapping, as it was deployed.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) function_arn: String,
    pub(crate) stream_arn: String,
    pub(crate) on_failure_queue_url: Option<String>,
    pub(crate) settings: Settings,
}

impl Mapping {
    /// Reads the mapping back from the stack and makes sure the emulator does
    /// not drive it as well.
    pub(crate) async fn take_over(
        clients: &Clients,
        deployment: &Deployment,
    ) -> Result<Self, Error> {
        let id = &deployment.stream_mapping;
        let deployed = clients
            .lambda
            .get_event_source_mapping()
            .uuid(id)
            .send()
            .await
            .map_err(|error| Error::call("GetEventSourceMapping")(error.into()))?;
        // The template says so already, but the emulator reports "Enabled".
        clients
            .lambda
            .update_event_source_mapping()
            .uuid(id)
            .enabled(false)
            .send()
            .await
            .map_err(|error| Error::call("UpdateEventSourceMapping")(error.into()))?;
        Self::read(clients, &deployed).await
    }

    async fn read(
        clients: &Clients,
        deployed: &GetEventSourceMappingOutput,
    ) -> Result<Self, Error> {
        let settings = settings(deployed).map_err(Error::Mapping)?;
        let text = |value: Option<&str>, name: &str| {
            let missing = || Error::Mapping(format!("it has no {name}"));
            value.map(str::to_owned).ok_or_else(missing)
        };
        Ok(Self {
            function_arn: text(deployed.function_arn(), "FunctionArn")?,
            stream_arn: text(deployed.event_source_arn(), "EventSourceArn")?,
            on_failure_queue_url: match on_failure(deployed) {
                Some(arn) => Some(queue_url(clients, arn).await?),
                None => None,
            },
            settings,
        })
    }
}

fn on_failure(deployed: &GetEventSourceMappingOutput) -> Option<&str> {
    deployed.destination_config()?.on_failure()?.destination()
}

async fn queue_url(clients: &Clients, arn: &str) -> Result<String, Error> {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let queue = clients
        .sqs
        .get_queue_url()
        .queue_name(name)
        .send()
        .await
        .map_err(|error| Error::call("GetQueueUrl")(error.into()))?;
    let no_url = || Error::Mapping(format!("queue {name} has no URL"));
    queue.queue_url.ok_or_else(no_url)
}

/// What the state machine covers; anything else is refused rather than left
/// out.
fn settings(deployed: &GetEventSourceMappingOutput) -> Result<Settings, String> {
    only(
        "StartingPosition",
        deployed.starting_position(),
        &EventSourcePosition::TrimHorizon,
    )?;
    only(
        "ParallelizationFactor",
        deployed.parallelization_factor().as_ref(),
        &1,
    )?;
    let window = deployed.maximum_batching_window_in_seconds();
    only("MaximumBatchingWindowInSeconds", window.as_ref(), &0)?;

    let defaults = Settings::default();
    let patterns = deployed
        .filter_criteria()
        .map(aws_sdk_lambda::types::FilterCriteria::filters)
        .unwrap_or_default()
        .iter()
        .filter_map(|filter| filter.pattern());
    Ok(Settings {
        batch_size: deployed
            .batch_size()
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(defaults.batch_size),
        // -1 stands for no limit.
        maximum_retry_attempts: deployed
            .maximum_retry_attempts()
            .and_then(|attempts| u32::try_from(attempts).ok()),
        maximum_record_age: deployed
            .maximum_record_age_in_seconds()
            .filter(|seconds| *seconds >= 0)
            .map(|seconds| SignedDuration::from_secs(seconds.into())),
        bisect_batch_on_function_error: deployed
            .bisect_batch_on_function_error()
            .unwrap_or_default(),
        report_batch_item_failures: deployed
            .function_response_types()
            .contains(&FunctionResponseType::ReportBatchItemFailures),
        filter: Filter::from_patterns(patterns).map_err(|error| error.to_string())?,
        has_on_failure_destination: on_failure(deployed).is_some(),
        ..defaults
    })
}

fn only<T: PartialEq + std::fmt::Debug>(
    name: &str,
    value: Option<&T>,
    supported: &T,
) -> Result<(), String> {
    match value {
        Some(value) if value != supported => Err(format!(
            "{name} {value:?} is not supported, only {supported:?}"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{Filter as LambdaFilter, FilterCriteria};

    use super::*;

    #[test]
    fn settings_are_read_by_their_names() {
        let pattern = LambdaFilter::builder().pattern(r#"{"eventName":["INSERT"]}"#);
        let deployed = GetEventSourceMappingOutput::builder()
            .batch_size(100)
            .maximum_retry_attempts(30)
            .maximum_record_age_in_seconds(82_800)
            .bisect_batch_on_function_error(true)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .filter_criteria(FilterCriteria::builder().filters(pattern.build()).build())
            .build();
        assert_eq!(
            settings(&deployed).unwrap(),
            Settings {
                batch_size: 100,
                maximum_retry_attempts: Some(30),
                maximum_record_age: Some(SignedDuration::from_hours(23)),
                bisect_batch_on_function_error: true,
                report_batch_item_failures: true,
                filter: Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap(),
                ..Settings::default()
            }
        );
        let unlimited = GetEventSourceMappingOutput::builder()
            .maximum_retry_attempts(-1)
            .maximum_record_age_in_seconds(-1);
        let unlimited = settings(&unlimited.build()).unwrap();
        assert_eq!(unlimited.maximum_retry_attempts, None);
        assert_eq!(unlimited.maximum_record_age, None);
    }

    #[test]
    fn what_cannot_be_driven_is_refused() {
        let mapping = GetEventSourceMappingOutput::builder;
        for (deployed, name) in [
            (
                mapping().parallelization_factor(2),
                "ParallelizationFactor 2",
            ),
            (
                mapping().maximum_batching_window_in_seconds(5),
                "MaximumBatchingWindowInSeconds 5",
            ),
            (
                mapping().starting_position(EventSourcePosition::Latest),
                "StartingPosition Latest",
            ),
        ] {
            let error = settings(&deployed.build()).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
