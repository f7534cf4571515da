use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType,
};
use jiff::SignedDuration;
use stream_mapping::{Filter, Settings, StartingPosition};
use stream_mapping_cli::{Destination, Function, Observer, Stream, StreamMapping};
use tokio::task::JoinSet;

use crate::{
    clients::Clients, deployment::Deployment, error::Error, mapping_results::MappingResults,
    queue_mapping::QueueMapping,
};

/// The stack's event source mappings, driven as long as this lives: those of
/// streams by the rules of the `stream-mapping` crate, since the emulator's own
/// lose records; those of queues where the functions run elsewhere.
#[derive(Debug)]
pub struct Mappings {
    tasks: JoinSet<()>,
}

/// Where the functions run that get the records.
#[derive(Debug, Clone)]
pub enum Functions {
    /// In the local AWS, as deployed.
    Deployed,
    /// In `cargo lambda watch`, which this is a client of.
    Watched(aws_sdk_lambda::Client),
}

impl Mappings {
    /// Takes the stack's mappings over from the emulator and begins to drive
    /// them. `adjust` may change the deployed settings of streams.
    ///
    /// # Errors
    ///
    /// If a mapping cannot be read, or cannot be driven as deployed.
    pub async fn take_over(
        clients: &Clients,
        deployment: &Deployment,
        functions: &Functions,
        adjust: impl Fn(&mut Settings),
        observer: Observer,
    ) -> Result<Self, Error> {
        let mut tasks = JoinSet::new();
        for deployed in deployed_mappings(clients).await? {
            let source = required(deployed.event_source_arn(), "EventSourceArn")?;
            let function = function(clients, deployment, functions, &deployed)?;
            match (source.split(':').nth(2), functions) {
                (Some("dynamodb"), _) => {
                    let (results, observer) =
                        MappingResults::of(clients, &deployed, observer.clone())?;
                    tasks.spawn(results.run());
                    let mapping =
                        stream_mapping(clients, &deployed, function, &adjust, observer).await?;
                    // The settings were checked, so it runs until this is dropped.
                    tasks.spawn(async move {
                        let _ = mapping.run().await;
                    });
                }
                // The emulator does this well, but knows the deployed functions
                // alone.
                (Some("sqs"), Functions::Deployed) => continue,
                (Some("sqs"), Functions::Watched(_)) => {
                    let mapping = QueueMapping::new(clients, &deployed, function).await?;
                    tasks.spawn(async move { mapping.run().await });
                }
                _ => {
                    let problem = format!("{source} is neither a DynamoDB stream nor a queue");
                    return Err(Error::Mapping(problem));
                }
            }
            switch_off(clients, &deployed).await?;
        }
        Ok(Self { tasks })
    }

    /// Stops driving them. Once it returns, others may be driven in their place.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until a mapping is no longer driven, which none ever should be.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

async fn deployed_mappings(
    clients: &Clients,
) -> Result<Vec<EventSourceMappingConfiguration>, Error> {
    let pages = clients
        .lambda
        .list_event_source_mappings()
        .into_paginator()
        .items()
        .send();
    pages
        .collect::<Result<_, _>>()
        .await
        .map_err(|error| Error::call("ListEventSourceMappings")(error.into()))
}

/// The template says so already, but the emulator reports "Enabled".
async fn switch_off(
    clients: &Clients,
    deployed: &EventSourceMappingConfiguration,
) -> Result<(), Error> {
    clients
        .lambda
        .update_event_source_mapping()
        .set_uuid(deployed.uuid.clone())
        .enabled(false)
        .send()
        .await
        .map_err(|error| Error::call("UpdateEventSourceMapping")(error.into()))?;
    Ok(())
}

fn function(
    clients: &Clients,
    deployment: &Deployment,
    functions: &Functions,
    deployed: &EventSourceMappingConfiguration,
) -> Result<Function, Error> {
    let arn = required(deployed.function_arn(), "FunctionArn")?;
    match functions {
        Functions::Deployed => Ok(Function::new(clients.lambda.clone(), arn)),
        Functions::Watched(client) => {
            // An alias may follow the name.
            let name = arn.split(':').nth(6).unwrap_or(arn);
            let mut known = deployment.functions.iter();
            let (crate_name, _) = known
                .find(|(_, deployed)| *deployed == name)
                .ok_or_else(|| Error::Mapping(format!("no output of the stack names {name}")))?;
            Ok(Function::new(client.clone(), crate_name).deployed_as(arn))
        }
    }
}

async fn stream_mapping(
    clients: &Clients,
    deployed: &EventSourceMappingConfiguration,
    function: Function,
    adjust: &impl Fn(&mut Settings),
    observer: Observer,
) -> Result<StreamMapping, Error> {
    let mut settings = settings(deployed).map_err(Error::Mapping)?;
    adjust(&mut settings);
    let stream_arn = required(deployed.event_source_arn(), "EventSourceArn")?;
    let on_failure = deployed
        .destination_config()
        .and_then(|config| config.on_failure()?.destination());
    let destination = match on_failure {
        Some(arn) => Some(
            Destination::find(clients.destinations.clone(), arn)
                .await
                .map_err(|error| Error::Mapping(error.to_string()))?,
        ),
        None => None,
    };
    let stream = Stream::new(clients.streams.clone(), stream_arn);
    let uuid = required(deployed.uuid(), "UUID")?;
    let uuid = uuid
        .parse()
        .map_err(|error| Error::Mapping(format!("UUID {uuid}: {error}")))?;
    StreamMapping::create(uuid, stream, function, destination, settings, observer)
        .await
        .map_err(|error| Error::Mapping(error.to_string()))
}

pub(crate) fn required<'t>(value: Option<&'t str>, name: &str) -> Result<&'t str, Error> {
    value.ok_or_else(|| Error::Mapping(format!("it has no {name}")))
}

/// The settings of a deployed mapping; what cannot be driven is refused rather
/// than left out.
fn settings(deployed: &EventSourceMappingConfiguration) -> Result<Settings, String> {
    let defaults = Settings::new(match deployed.starting_position() {
        Some(EventSourcePosition::TrimHorizon) => StartingPosition::TrimHorizon,
        Some(EventSourcePosition::Latest) => StartingPosition::Latest,
        Some(other) => return Err(format!("StartingPosition {other} is not supported")),
        None => return Err("it has no StartingPosition, which is required".to_owned()),
    });
    let patterns = deployed
        .filter_criteria()
        .map(aws_sdk_lambda::types::FilterCriteria::filters)
        .unwrap_or_default()
        .iter()
        .filter_map(|filter| filter.pattern());
    let count = |count: Option<i32>, default| {
        let count = count.and_then(|count| usize::try_from(count).ok());
        count.unwrap_or(default)
    };
    let window = deployed.maximum_batching_window_in_seconds();
    let tumbling_window = deployed.tumbling_window_in_seconds();
    let settings = Settings {
        batch_size: count(deployed.batch_size(), defaults.batch_size),
        maximum_batching_window: SignedDuration::from_secs(window.unwrap_or_default().into()),
        parallelization_factor: count(
            deployed.parallelization_factor(),
            defaults.parallelization_factor,
        ),
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
        tumbling_window: SignedDuration::from_secs(tumbling_window.unwrap_or_default().into()),
        ..defaults
    };
    settings.check().map_err(|error| error.to_string())?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{Filter as LambdaFilter, FilterCriteria};

    use super::*;

    #[test]
    fn settings_are_read_by_their_names() {
        let pattern = LambdaFilter::builder().pattern(r#"{"eventName":["INSERT"]}"#);
        let deployed = EventSourceMappingConfiguration::builder()
            .batch_size(10)
            .maximum_batching_window_in_seconds(5)
            .parallelization_factor(2)
            .starting_position(EventSourcePosition::Latest)
            .maximum_retry_attempts(30)
            .maximum_record_age_in_seconds(82_800)
            .bisect_batch_on_function_error(true)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .filter_criteria(FilterCriteria::builder().filters(pattern.build()).build())
            .build();
        assert_eq!(
            settings(&deployed).unwrap(),
            Settings {
                batch_size: 10,
                maximum_batching_window: SignedDuration::from_secs(5),
                parallelization_factor: 2,
                starting_position: StartingPosition::Latest,
                maximum_retry_attempts: Some(30),
                maximum_record_age: Some(SignedDuration::from_hours(23)),
                bisect_batch_on_function_error: true,
                report_batch_item_failures: true,
                filter: Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap(),
                ..Settings::new(StartingPosition::Latest)
            }
        );
        let unlimited = EventSourceMappingConfiguration::builder()
            .starting_position(EventSourcePosition::TrimHorizon)
            .maximum_retry_attempts(-1)
            .maximum_record_age_in_seconds(-1);
        let unlimited = settings(&unlimited.build()).unwrap();
        assert_eq!(unlimited.maximum_retry_attempts, None);
        assert_eq!(unlimited.maximum_record_age, None);
    }

    #[test]
    fn what_cannot_be_driven_is_refused() {
        let mapping = EventSourceMappingConfiguration::builder;
        for (deployed, problem) in [
            (
                mapping()
                    .starting_position(EventSourcePosition::Latest)
                    .tumbling_window_in_seconds(30),
                "TumblingWindowInSeconds 30 is not supported: a tumbling window passes state",
            ),
            (mapping(), "it has no StartingPosition, which is required"),
            (
                mapping().starting_position(EventSourcePosition::AtTimestamp),
                "StartingPosition AT_TIMESTAMP is not supported",
            ),
        ] {
            let said = settings(&deployed.build()).unwrap_err();
            assert!(said.starts_with(problem), "{said}");
        }
    }
}
