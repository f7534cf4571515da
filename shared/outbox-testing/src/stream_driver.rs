//! Drives the relay with the records of the stream, batch by batch, as Lambda does.

use std::{collections::BTreeMap, time::Duration};

use outbox::handlers::{BatchReport, StreamEvent, StreamHandler};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{aws::InMemoryAws, stream::Record};

/// How often Lambda polls a shard.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The timeout of an invocation.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long a test waits at most for events to be published.
const WAIT_AT_MOST: Duration = Duration::from_hours(1);

/// Drives the relay with the records of the stream, one batch at a time, from a checkpoint in
/// each shard. Only inserts are passed on, as by the filter of the deployed mapping.
///
/// For all rules of Lambda's mapping (bisecting, record age, retries that end) use the crate
/// `stream-mapping`, and pass it the records of [`Stream::shards`](crate::Stream::shards).
pub struct StreamDriver {
    aws: InMemoryAws,
    handler: StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    batch_size: usize,
    /// How many records of each shard are done.
    done: BTreeMap<String, usize>,
    last_batch: Option<Vec<Value>>,
}

/// The next records of a shard.
struct Batch {
    shard: String,
    /// The index of each record in the shard.
    indexes: Vec<usize>,
    records: Vec<Value>,
    /// How many records of the shard are done after the batch.
    end: usize,
}

impl StreamDriver {
    /// Creates a driver that begins with the oldest record, in batches of up to 100.
    pub fn new(aws: &InMemoryAws) -> Self {
        Self {
            aws: aws.clone(),
            handler: aws.stream_handler(),
            batch_size: 100,
            done: BTreeMap::new(),
            last_batch: None,
        }
    }

    /// Returns the driver with another batch size.
    #[must_use]
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// Invokes the relay with the next batch, and moves the checkpoint as its response says: if
    /// it names a record, the next batch begins there again. `None` if there is no record
    /// behind the checkpoints.
    pub async fn deliver(&mut self) -> Option<BatchReport> {
        let batch = self.next_batch()?;
        self.last_batch = Some(batch.records.clone());
        let report = self.invoke(batch.records.clone()).await;
        let done = batch.done(&report);
        self.done.insert(batch.shard, done);
        Some(report)
    }

    /// Invokes the relay with the last batch again, as Lambda does at times after a success. The
    /// checkpoint stays. `None` if there was no batch yet.
    pub async fn redeliver(&mut self) -> Option<BatchReport> {
        let records = self.last_batch.clone()?;
        Some(self.invoke(records).await)
    }

    /// Delivers batches until no record is left. Pauses after a failure, as Lambda does.
    ///
    /// # Panics
    ///
    /// If records still fail after an hour of tokio's time.
    pub async fn deliver_all(&mut self) -> Vec<BatchReport> {
        let begun = Instant::now();
        let mut reports = Vec::new();
        while let Some(report) = self.deliver().await {
            let failed = report.counts.failed;
            reports.push(report);
            assert!(
                begun.elapsed() < WAIT_AT_MOST,
                "{failed} records still fail"
            );
            if failed > 0 {
                sleep(POLL_INTERVAL).await;
            }
        }
        reports
    }

    /// Delivers batches for ever, as records arrive.
    async fn run(&mut self) {
        loop {
            self.deliver().await;
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn invoke(&self, records: Vec<Value>) -> BatchReport {
        let event = serde_json::from_value::<StreamEvent>(json!({"Records": records}));
        let event = event.expect("records are a batch");
        self.handler.handle(event, Instant::now() + TIMEOUT).await
    }

    /// Returns the next batch of the first shard that has one. A shard is read once its parent
    /// has been read to its end.
    fn next_batch(&mut self) -> Option<Batch> {
        let (done, most) = (&mut self.done, self.batch_size);
        self.aws.with(|services| {
            let shards = services.stream.shards();
            let now = services.now();
            for (id, shard) in shards {
                let is_read = |parent: &String| {
                    let records = shards.get(parent).map_or(0, |parent| parent.records.len());
                    done.get(parent).copied().unwrap_or(0) >= records
                };
                if !shard.parent.as_ref().is_none_or(is_read) {
                    continue;
                }
                let from = done.get(id).copied().unwrap_or(0);
                let from = from.max(services.stream.trim_index(id, now));
                let batch = Batch::of(id, &shard.records, from, most);
                done.insert(
                    id.clone(),
                    if batch.records.is_empty() {
                        batch.end
                    } else {
                        from
                    },
                );
                if !batch.records.is_empty() {
                    return Some(batch);
                }
            }
            None
        })
    }
}

impl Batch {
    fn of(shard: &str, all: &[Record], from: usize, most: usize) -> Self {
        let rest = all.iter().enumerate().skip(from);
        let inserts = rest
            .filter(|(_, record)| record.inserted.is_some())
            .take(most);
        let (indexes, records): (Vec<usize>, Vec<Value>) = inserts
            .map(|(index, record)| (index, record.json.clone()))
            .unzip();
        Self {
            shard: shard.to_owned(),
            // Without a full batch there is nothing more behind it.
            end: match indexes.last() {
                Some(last) if indexes.len() == most => last + 1,
                _ => all.len(),
            },
            indexes,
            records,
        }
    }

    /// Returns how many records of the shard are done by the response.
    fn done(&self, report: &BatchReport) -> usize {
        let Some(failure) = report.response.batch_item_failures.first() else {
            return self.end;
        };
        let failed = failure.item_identifier.as_deref().unwrap_or_default();
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str() == Some(failed);
        // A number that isn't in the batch makes Lambda retry all of it.
        let at = self.records.iter().position(number).unwrap_or(0);
        self.indexes[at]
    }
}

impl InMemoryAws {
    /// Runs a future while a relay publishes what is pending and what is appended, as the
    /// function behind the stream does.
    pub async fn with_relay<T>(&self, work: impl Future<Output = T>) -> T {
        let mut driver = StreamDriver::new(self);
        tokio::select! {
            biased;
            result = work => result,
            () = driver.run() => unreachable!("it runs for ever"),
        }
    }

    /// Waits until no row is pending: every event is published, or its row is parked.
    ///
    /// # Panics
    ///
    /// If rows are pending after an hour of tokio's time; without paused time a test should
    /// have a timeout of its own.
    pub async fn wait_until_published(&self) {
        let begun = Instant::now();
        loop {
            let pending = self.pending();
            if pending.is_empty() {
                return;
            }
            assert!(begun.elapsed() < WAIT_AT_MOST, "still pending: {pending:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
