//! A mapping of a stream to a function: finds shards and runs a task for each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use stream_mapping::{
    InvalidSettings, Lineage, Metrics, Settings, Shard, StartingPosition, function_arn,
};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;

use crate::{
    claim::{Claim, ClaimError},
    create_error::CreateError,
    destination::Destination,
    event::{Event, Observer, reason},
    function::Function,
    shard_task::ShardTask,
    stream::Stream,
};

/// The interval at which new shards are discovered.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// How many records a shard may read in addition to those of its batches.
const READ_AHEAD: usize = 1_000;

/// A mapping of a stream to a function, with its settings.
#[derive(Clone)]
pub struct StreamMapping {
    uuid: Uuid,
    /// Held as long as any clone of the mapping exists.
    _claim: Arc<Claim>,
    stream: Stream,
    function: Function,
    destination: Option<Destination>,
    settings: Settings,
    observer: Observer,
    /// By shard.
    metrics: Arc<Mutex<BTreeMap<String, Metrics>>>,
}

impl StreamMapping {
    /// Creates a mapping with these settings, except `has_on_failure_destination`, which
    /// `destination` decides. The observer receives all events. The UUID is part of the
    /// keys of objects in a bucket.
    ///
    /// # Errors
    ///
    /// If a setting is out of AWS's range, the stream does not exist or cannot be
    /// described, or another mapping on this machine drives the function with the
    /// stream.
    pub async fn create(
        uuid: Uuid,
        stream: Stream,
        function: Function,
        destination: Option<Destination>,
        settings: Settings,
        observer: Observer,
    ) -> Result<Self, CreateError> {
        settings.check()?;
        let endpoint = stream.check().await?;
        let claim = claim(&endpoint, &stream, &function, uuid)?;
        observer(&Event::Created {
            uuid,
            stream: stream.arn.clone(),
            function: function_arn(function.name(), &stream.arn),
            endpoint,
        });
        Ok(Self {
            uuid,
            _claim: Arc::new(claim),
            stream,
            function,
            settings: Settings {
                has_on_failure_destination: destination.is_some(),
                ..settings
            },
            destination,
            observer,
            metrics: Arc::default(),
        })
    }

    /// Drives the function until the future is dropped. The function still finishes
    /// invocations that are in flight then. Each run begins at the starting position.
    ///
    /// # Errors
    ///
    /// Never: [`create`](Self::create) has checked the settings.
    pub async fn run(&self) -> Result<(), InvalidSettings> {
        let mut lineage = Lineage::new(self.settings.starting_position);
        let mut tasks: JoinSet<String> = JoinSet::new();
        loop {
            match self.stream.shards().await {
                Ok(shards) => lineage.discovered(shards),
                Err(error) => (self.observer)(&Event::Trouble {
                    what: format!("stream {} cannot be described", self.stream.arn),
                    reason: reason(&*error),
                }),
            }
            for (id, begin) in lineage.take_ready() {
                let task = self.task(&id, begin)?;
                (self.observer)(&Event::ShardBegun { shard: id });
                tasks.spawn(task.run());
            }
            tokio::select! {
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
                    Ok(shard) => {
                        lineage.done(&shard);
                        (self.observer)(&Event::ShardDone { shard });
                    }
                    // Tasks are never cancelled here, so this one has panicked.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = sleep(DISCOVERY_INTERVAL) => {}
            }
        }
    }

    /// What was counted so far, over all shards.
    pub fn metrics(&self) -> Metrics {
        let metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics
            .values()
            .fold(Metrics::default(), |sum, shard| Metrics {
                polled_event_count: sum.polled_event_count + shard.polled_event_count,
                filtered_out_event_count: sum.filtered_out_event_count
                    + shard.filtered_out_event_count,
                invoked_event_count: sum.invoked_event_count + shard.invoked_event_count,
                failed_invoke_event_count: sum.failed_invoke_event_count
                    + shard.failed_invoke_event_count,
                dropped_event_count: sum.dropped_event_count + shard.dropped_event_count,
                on_failure_destination_delivered_event_count: sum
                    .on_failure_destination_delivered_event_count
                    + shard.on_failure_destination_delivered_event_count,
                iterator_age: sum.iterator_age.max(shard.iterator_age),
            })
    }

    fn task(&self, id: &str, begin: StartingPosition) -> Result<ShardTask, InvalidSettings> {
        let metrics = Arc::clone(&self.metrics);
        let shard = id.to_owned();
        let report = move |counted: &Metrics| {
            let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
            metrics.insert(shard.clone(), counted.clone());
        };
        let in_batches = self.settings.batch_size * self.settings.parallelization_factor;
        Ok(ShardTask {
            id: id.to_owned(),
            begin,
            shard: Shard::new(
                id,
                &self.stream.arn,
                self.function.name(),
                self.settings.clone(),
            )?,
            stream: self.stream.clone(),
            function: self.function.clone(),
            destination: self.destination.clone(),
            mapping: self.uuid,
            observer: Arc::clone(&self.observer),
            report: Box::new(report),
            most_backlog: in_batches + READ_AHEAD,
        })
    }
}

/// Claims the stream for the function, so that there is no second mapping.
fn claim(
    endpoint: &str,
    stream: &Stream,
    function: &Function,
    uuid: Uuid,
) -> Result<Claim, CreateError> {
    let arn = function_arn(function.name(), &stream.arn);
    Claim::make(endpoint, &stream.arn, &arn, uuid).map_err(|error| match error {
        ClaimError::Held(uuid) => CreateError::AlreadyExists {
            stream_arn: stream.arn.clone(),
            function: function.name().to_owned(),
            uuid,
        },
        ClaimError::Failed(path, source) => CreateError::Claim { path, source },
    })
}
