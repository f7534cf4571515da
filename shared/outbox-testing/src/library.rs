//! The library's own types on services in memory.

use std::sync::{Arc, LazyLock};

use jiff::SignedDuration;
use outbox::{
    Aggregate, AggregateTable, InvalidSource, KeySchema, Outbox,
    at_once::AtOnce,
    handlers::{StreamHandler, SweepReport, Sweeper},
    inbox::{Inbox, InvalidInbox},
    relay::Relay,
    replay::Replay,
};
use tokio::time::{Duration, Instant};

use crate::{aws::InMemoryAws, services::OUTBOX_TABLE, stream::TABLE_ARN};

/// A relay between services in memory.
pub type InMemoryRelay = Relay<InMemoryAws, InMemoryAws, InMemoryAws>;

/// How long a sweep may take.
const SWEEP_TIMEOUT: Duration = Duration::from_mins(4);

impl InMemoryAws {
    /// Returns the outbox of a service. Its transactions are executed in memory, conditions
    /// included.
    ///
    /// # Errors
    ///
    /// If the source is not valid, as with [`Outbox::new`].
    pub fn outbox(&self, source: impl Into<String>) -> Result<Outbox, InvalidSource> {
        let outbox = Outbox::new(unreachable_client(), OUTBOX_TABLE, source)?;
        Ok(outbox.with_clock(self.clock()).on(Arc::new(self.clone())))
    }

    /// Returns a table of aggregates that is read in memory. It is created if it isn't there.
    pub fn aggregate_table<A: Aggregate>(
        &self,
        table: impl Into<String>,
        partition_key: impl Into<String>,
    ) -> AggregateTable<A> {
        let (table, partition_key) = (table.into(), partition_key.into());
        self.create_table(&table, KeySchema::partition_key(&partition_key));
        let table = AggregateTable::new(unreachable_client(), table, partition_key);
        table.on(Arc::new(self.clone()))
    }

    /// Returns the inbox of a consumer with its records in this table, which is created if it
    /// isn't there. Records never expire.
    ///
    /// # Errors
    ///
    /// If the name of the consumer is not valid, as with [`Inbox::new`].
    pub fn inbox(
        &self,
        table: impl Into<String>,
        key_schema: KeySchema,
        consumer: impl Into<String>,
    ) -> Result<Inbox, InvalidInbox> {
        let table = table.into();
        self.create_table(&table, key_schema.clone());
        let inbox = Inbox::new(unreachable_client(), table, key_schema, consumer)?;
        Ok(inbox.with_clock(self.clock()).on(Arc::new(self.clone())))
    }

    /// Returns a relay. Its random numbers are the same in every run.
    pub fn relay(&self) -> InMemoryRelay {
        Relay::new(self.clone(), self.clone(), self.clone())
            .with_time_and_chance(Arc::new(self.clock()), fastrand::Rng::with_seed(7))
    }

    /// Returns a publisher for the process that commits. Its random numbers are the same in every
    /// run.
    pub fn at_once(&self) -> AtOnce<Self, Self> {
        AtOnce::new(self.clone(), self.clone())
            .with_time_and_chance(Arc::new(self.clock()), fastrand::Rng::with_seed(7))
    }

    /// Returns the function behind the stream.
    pub fn stream_handler(&self) -> StreamHandler<Self, Self, Self> {
        StreamHandler::new(self.relay())
    }

    /// Runs the sweeper once. It leaves rows younger than `grace` to the stream.
    pub async fn sweep(&self, grace: SignedDuration) -> SweepReport {
        let sweeper = Sweeper::new(self.relay(), grace);
        sweeper.sweep(Instant::now() + SWEEP_TIMEOUT).await
    }

    /// Returns a replay of the dead letters.
    pub fn replay(&self) -> Replay<Self, Self, Self, Self, Self> {
        Replay::new(self.relay(), self.clone(), self.clone(), TABLE_ARN)
    }
}

/// Returns a client without an endpoint. The library asks for one, and then calls what it is
/// given in its place.
pub fn unreachable_client() -> aws_sdk_dynamodb::Client {
    static CLIENT: LazyLock<aws_sdk_dynamodb::Client> = LazyLock::new(|| {
        let config = aws_sdk_dynamodb::Config::builder().behavior_version_latest();
        aws_sdk_dynamodb::Client::from_conf(config.build())
    });
    CLIENT.clone()
}
