//! Drives the event source mappings of the local stack.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use stream_mapping::Settings;
use stream_mapping_cli::{Destination, Function, Observer, Stream, StreamMapping};
use tokio::task::JoinSet;

use crate::{
    clients::Clients,
    deployed_mapping::{required, settings},
    deployment::Deployment,
    error::Error,
    mapping_results::MappingResults,
    queue_mapping::QueueMapping,
};

/// The stack's event source mappings, driven until this is dropped. Mappings of streams
/// follow the rules of the `stream-mapping` crate, because the emulator's own lose records.
/// Mappings of queues are driven only if the functions run outside of the emulator.
#[derive(Debug)]
pub struct Mappings {
    /// One task for each mapping, and one for each stream's results.
    tasks: JoinSet<()>,
}

/// Where the functions run that process the records.
#[derive(Debug, Clone)]
pub enum Functions {
    /// In the emulator, as deployed.
    Deployed,
    /// Outside of the emulator, reached by this client.
    Watched(aws_sdk_lambda::Client),
}

impl Mappings {
    /// Disables the emulator's mappings and starts to drive them here. `adjust` may change
    /// the deployed settings of streams.
    ///
    /// # Errors
    ///
    /// If a mapping cannot be read, or has a setting that is not supported.
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
                    // Its only errors are about settings, which `create` has checked.
                    tasks.spawn(async move {
                        let _ = mapping.run().await;
                    });
                }
                // The emulator's own mappings of queues are correct, but reach only the
                // deployed functions.
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
            disable(clients, &deployed).await?;
        }
        Ok(Self { tasks })
    }

    /// Stops driving the mappings. Once this returns, they may be driven again elsewhere.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until the task of a mapping ends, which is always a failure.
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

/// Disables a mapping in the emulator. The template does that already, but the emulator
/// reports the mapping as enabled.
async fn disable(
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

/// Returns the function of a mapping, where it runs.
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
            // The ARN may end with an alias.
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
