//! Invocations in this process, to count their instructions. The AWS SDK's requests are
//! answered from memory, so that only the work of the processor counts.

use std::{sync::Arc, time::Duration};

use clap::ValueEnum;
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, bail};
use outbox::{
    Clock,
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{StreamEvent, StreamHandler},
    relay::LookUp,
};
use tokio::time::Instant;

use crate::{
    batch::{Age, Batch, Shape},
    commit,
    in_memory::InMemory,
    ledger::Ledger,
};

/// The size of the batch.
const SHAPE: Shape = Shape {
    events: 100,
    aggregates: 20,
};

/// The code that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// The relay, with a batch of 100 fresh events.
    Relay,
    /// The relay of writers that publish at once, with the same batch, none of which they have
    /// published.
    RelayLookingUp,
    /// `create-order`, with one order.
    CreateOrder,
}

/// Runs the code this many times.
pub(crate) fn invoke(work: Work, times: usize) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        match work {
            Work::Relay => relay(times, LookUp::WhenOld).await,
            Work::RelayLookingUp => relay(times, LookUp::Always).await,
            Work::CreateOrder => create_orders(times).await,
        }
    })
}

async fn relay(times: usize, look_up: LookUp) -> Result<()> {
    let services = InMemory::new(Ledger::default());
    let handler = handler(&services, look_up);
    // All invocations share one batch, so that its creation hardly counts.
    let batch = Batch::new(SHAPE, Age::Fresh, 1);
    for _ in 0..times {
        services.services().begin(batch.rows.iter().cloned());
        let event: StreamEvent = serde_json::from_slice(&batch.payload).into_diagnostic()?;
        let deadline = Instant::now() + Duration::from_mins(1);
        let result = handler.handle(event, deadline).await;
        if result.counts.published != SHAPE.events {
            bail!("not every event was published: {:?}", result.counts);
        }
    }
    Ok(())
}

async fn create_orders(times: usize) -> Result<()> {
    let services = InMemory::new(Ledger::default());
    let service = commit::service(&services.dynamodb())?;
    for _ in 0..times {
        commit::create(&service, commit::request()?).await?;
    }
    Ok(())
}

fn handler(
    services: &InMemory<Ledger>,
    look_up: LookUp,
) -> StreamHandler<EventBridgeBus, DynamoDbTable, SqsQueue> {
    // The clock stands still: under callgrind, the records would become old.
    let clock = Stopped(Timestamp::now());
    let random = fastrand::Rng::with_seed(7);
    StreamHandler::new(
        services
            .relay()
            .with_look_up(look_up)
            .with_time_and_chance(Arc::new(clock), random),
    )
}

/// A clock that stands still.
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}
