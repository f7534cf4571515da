//! Publishes the results of stream mappings where Lambda does: as metrics, and as the last
//! result. The emulator doesn't know them, because it doesn't drive the mappings.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use jiff::Timestamp;
use stream_mapping_cli::{Event, InvocationOutcome, Observer};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};

use crate::{clients::Clients, deployed_mapping::required, error::Error};

/// Results within this time are written together, to keep the load on the emulator low.
const AT_ONCE: Duration = Duration::from_millis(200);

/// The tags with a mapping's last result. Lambda's attribute for it, `LastProcessingResult`,
/// can't be set by a call.
const LAST_RESULT: &str = "lastResult";
const LAST_RESULT_AT: &str = "lastResultAt";

/// How many characters of an error fit into a tag.
const MOST_CHARS: usize = 200;

/// Writes the results of a mapping to the emulator.
pub(crate) struct MappingResults {
    clients: Clients,
    uuid: String,
    arn: String,
    /// Receives failures to write results.
    observer: Observer,
    batches: UnboundedReceiver<Batch>,
}

/// The result of one or more batches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Batch {
    at: Timestamp,
    records: usize,
    /// Records that are retried, or have run out of retries.
    failed: usize,
    /// Records that have run out of retries.
    given_up: usize,
    /// The last result in Lambda's words.
    result: String,
}

impl MappingResults {
    /// Returns the writer for a mapping's results, to be driven by [`Self::run`], and an
    /// observer for the mapping that sends them to it and to the given observer.
    pub(crate) fn of(
        clients: &Clients,
        deployed: &EventSourceMappingConfiguration,
        observer: Observer,
    ) -> Result<(Self, Observer), Error> {
        let (sender, batches) = unbounded_channel();
        let results = Self {
            clients: clients.clone(),
            uuid: required(deployed.uuid(), "UUID")?.to_owned(),
            arn: required(deployed.event_source_mapping_arn(), "EventSourceMappingArn")?.to_owned(),
            observer: Arc::clone(&observer),
            batches,
        };
        Ok((results, sending_to(sender, observer)))
    }

    /// Writes results until the mapping is dropped.
    pub(crate) async fn run(mut self) {
        while let Some(mut batch) = self.batches.recv().await {
            while let Ok(later) = self.batches.try_recv() {
                batch = batch.and(later);
            }
            if let Err(error) = self.write(&batch).await {
                let what = "the result of a batch could not be written".to_owned();
                let reason = miette::Report::new(error).to_string();
                (self.observer)(&Event::Trouble { what, reason });
            }
            sleep(AT_ONCE).await;
        }
    }

    async fn write(&self, batch: &Batch) -> Result<(), Error> {
        self.clients
            .cloudwatch
            .put_metric_data()
            .namespace("AWS/Lambda")
            .set_metric_data(Some(self.metrics(batch)))
            .send()
            .await
            .map_err(|error| Error::call("PutMetricData")(error.into()))?;
        self.clients
            .lambda
            .tag_resource()
            .resource(&self.arn)
            .set_tags(Some(batch.tags()))
            .send()
            .await
            .map_err(|error| Error::call("TagResource")(error.into()))?;
        Ok(())
    }

    /// Returns those of Lambda's `EventCount` metrics that a stream mapping has.
    fn metrics(&self, batch: &Batch) -> Vec<MetricDatum> {
        let mapping = Dimension::builder()
            .name("EventSourceMappingUUID")
            .value(&self.uuid)
            .build();
        let counts = [
            ("InvokedEventCount", batch.records),
            ("FailedInvokeEventCount", batch.failed),
            ("DroppedEventCount", batch.given_up),
        ];
        let metric = |(name, count): (&str, usize)| {
            #[expect(clippy::cast_precision_loss, reason = "batches are small")]
            let value = count as f64;
            MetricDatum::builder()
                .metric_name(name)
                .dimensions(mapping.clone())
                .value(value)
                .build()
        };
        counts.into_iter().map(metric).collect()
    }
}

/// Returns an observer that also sends the results of batches.
fn sending_to(batches: UnboundedSender<Batch>, observer: Observer) -> Observer {
    Arc::new(move |event: &Event| {
        if let Some(batch) = Batch::of(event) {
            // The receiver is gone only if the mapping is no longer driven.
            let _ = batches.send(batch);
        }
        observer(event);
    })
}

impl Batch {
    fn of(event: &Event) -> Option<Self> {
        let Event::Invoked {
            records,
            outcome,
            again,
            given_up,
            ..
        } = event
        else {
            return None;
        };
        let failed = again.iter().sum::<usize>() + given_up;
        let result = match outcome {
            InvocationOutcome::Success => format!("OK: {records} of {records} records"),
            InvocationOutcome::FailuresReported { .. } => {
                format!("FAILED: {failed} of {records} records")
            }
            // Lambda's words for a batch that failed as a whole.
            outcome => {
                let outcome: String = outcome.to_string().chars().take(MOST_CHARS).collect();
                format!("PROBLEM: {outcome}")
            }
        };
        Some(Self {
            at: Timestamp::now(),
            records: *records,
            failed,
            given_up: *given_up,
            result,
        })
    }

    /// Adds the counts of a later batch, and takes its result.
    fn and(self, later: Self) -> Self {
        Self {
            records: self.records + later.records,
            failed: self.failed + later.failed,
            given_up: self.given_up + later.given_up,
            ..later
        }
    }

    fn tags(&self) -> HashMap<String, String> {
        HashMap::from([
            (LAST_RESULT.to_owned(), self.result.clone()),
            (LAST_RESULT_AT.to_owned(), self.at.to_string()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported() -> InvocationOutcome {
        InvocationOutcome::FailuresReported {
            response: "{}".into(),
        }
    }

    fn invoked(outcome: InvocationOutcome, again: Vec<usize>, given_up: usize) -> Event {
        Event::Invoked {
            shard: "shard".into(),
            records: 6,
            first: "1".into(),
            last: "6".into(),
            outcome,
            took: Duration::ZERO,
            done: 0,
            again,
            not_before: None,
            given_up,
        }
    }

    #[test]
    fn a_batch_is_ok_only_if_all_its_records_are_done() {
        for (event, failed, result) in [
            (
                invoked(InvocationOutcome::Success, vec![], 0),
                0,
                "OK: 6 of 6 records",
            ),
            (
                invoked(reported(), vec![2, 1], 0),
                3,
                "FAILED: 3 of 6 records",
            ),
            (invoked(reported(), vec![2], 1), 3, "FAILED: 3 of 6 records"),
            (
                invoked(
                    InvocationOutcome::FunctionError {
                        error: "panicked".into(),
                    },
                    vec![6],
                    0,
                ),
                6,
                "PROBLEM: function error: panicked",
            ),
            (
                invoked(
                    InvocationOutcome::NotReached {
                        error: "failures reported by nothing".into(),
                    },
                    vec![6],
                    0,
                ),
                6,
                "PROBLEM: not reached: failures reported by nothing",
            ),
        ] {
            let batch = Batch::of(&event).unwrap();
            assert_eq!((batch.failed, batch.result.as_str()), (failed, result));
        }
        let started = Event::ShardBegun {
            shard: "shard".into(),
        };
        assert_eq!(Batch::of(&started), None);
    }

    #[test]
    fn later_batches_add_counts_and_replace_the_result() {
        let first = Batch::of(&invoked(reported(), vec![6], 0)).unwrap();
        let last = Batch::of(&invoked(InvocationOutcome::Success, vec![], 0)).unwrap();
        let both = first.and(last);
        assert_eq!((both.records, both.failed), (12, 6));
        assert_eq!(both.tags()[LAST_RESULT], "OK: 6 of 6 records");
    }
}
