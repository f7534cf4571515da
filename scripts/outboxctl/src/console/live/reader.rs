//! Reads an outbox again and again, each part as often as it is worth.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use super::super::local::Local;
use super::{backlog::BacklogReading, hour::Hour, rate::Rate, reading::Reading};
use crate::{
    commands::status::{DeadLetters, Recent, RelayState, Seen, Sweeper},
    context::Context,
    error::Error,
};

/// How often the mapping and the sweeper of a deployed stack are read: they change only when an
/// operator or a deployment changes them.
const SETTINGS_EVERY: Duration = Duration::from_secs(30);

/// How often metrics are read: they have a value for each minute.
const METRICS_EVERY: Duration = Duration::from_mins(1);

/// How long a call may take, with its retries.
const MOST_TIME: Duration = Duration::from_secs(8);

/// How many batches of the local stack are read for the page of the pipeline.
const BATCHES: usize = 20;

/// Keeps the last values, and what is needed for the next ones.
pub(super) struct Reader {
    context: Arc<Context>,
    local: Option<Local>,
    last: Reading,
    accepted: Rate,
    orders: Rate,
    delivered: Rate,
}

impl Reader {
    pub(super) fn new(context: Arc<Context>, local: Option<Local>) -> Self {
        Self {
            last: Reading::blank(local.is_some()),
            context,
            local,
            accepted: Rate::default(),
            orders: Rate::default(),
            delivered: Rate::default(),
        }
    }

    /// Reads what is due.
    pub(super) async fn read(&mut self) -> Reading {
        let context = Arc::clone(&self.context);
        let context = &*context;
        let is_local = context.deployment.is_local;
        let every = |time: Duration| if is_local { Duration::ZERO } else { time };
        let settings_due = self.last.relay.is_due(every(SETTINGS_EVERY));
        let metrics_due = self.last.recent.is_due(every(METRICS_EVERY));
        let hour_due = !is_local && self.last.hour.is_due(METRICS_EVERY);
        let (backlog, letters, settings, local) = tokio::join!(
            in_time("Scan", BacklogReading::read(context)),
            in_time("GetQueueAttributes", DeadLetters::depth(context)),
            when(settings_due, settings(context)),
            local(self.local.as_ref()),
        );
        self.last.backlog.take(backlog);
        self.last.letters.take(letters);
        if let Some((relay, sweeper)) = settings {
            self.last.relay.take(relay);
            self.last.sweeper.take(sweeper);
        }
        let function = self
            .last
            .relay
            .get()
            .and_then(|relay| relay.function.clone());
        let (recent, hour) = tokio::join!(
            when(
                metrics_due,
                in_time("GetMetricData", recent(context, function.as_deref()))
            ),
            when(hour_due, in_time("GetMetricData", Hour::read(context))),
        );
        if let Some(recent) = recent {
            self.last.recent.take(recent);
        }
        if let Some(hour) = hour {
            self.last.hour.take(hour);
        }
        if let Some(local) = local {
            self.take_local(local);
        }
        self.last.at = Timestamp::now();
        self.last.clone()
    }

    fn take_local(&mut self, told: LocalTold) {
        let Some(local) = &mut self.last.local else {
            return;
        };
        let (activity, batches, faults) = told;
        if let Ok(activity) = &activity {
            let (now, pipeline) = (Timestamp::now(), &activity.pipeline);
            self.accepted.add(now, pipeline.relay.accepted);
            self.orders.add(now, pipeline.commands.placed);
            self.delivered
                .add(now, pipeline.bus.delivered + pipeline.bus.duplicates);
            local.accepted = self.accepted.minutes();
            local.orders_now = self.orders.last_minute();
            local.delivered_now = self.delivered.last_minute();
        }
        local.activity.take_told(activity);
        local.batches.take_told(batches);
        local.faults.take_told(faults);
    }
}

type LocalTold = (
    Result<devstack_api::Activity, String>,
    Result<Vec<devstack_api::Batch>, String>,
    Result<Vec<devstack_api::InjectedFault>, String>,
);

async fn local(local: Option<&Local>) -> Option<LocalTold> {
    let local = local?;
    Some(tokio::join!(
        local.activity(),
        local.batches(BATCHES),
        local.faults()
    ))
}

async fn settings(context: &Context) -> (Result<RelayState, Error>, Result<Sweeper, Error>) {
    tokio::join!(
        in_time("GetEventSourceMapping", RelayState::find(context)),
        in_time("DescribeRule", Sweeper::find(context))
    )
}

async fn recent(context: &Context, function: Option<&str>) -> Result<Seen, Error> {
    match Recent::find(context, function).await {
        Recent::Seen(seen) => Ok(seen),
        Recent::Unknown { unknown } if unknown.contains("AccessDenied") => {
            Err(Error::Denied(unknown))
        }
        Recent::Unknown { unknown } => Err(Error::Aws(unknown)),
    }
}

async fn when<T>(is_due: bool, read: impl Future<Output = T>) -> Option<T> {
    if is_due { Some(read.await) } else { None }
}

/// Gives up a call after a while: its retries may take longer than a page should wait to say that
/// AWS can't be reached.
async fn in_time<T>(what: &str, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(MOST_TIME, read).await.unwrap_or_else(|_| {
        let seconds = MOST_TIME.as_secs();
        Err(Error::Unreachable(format!(
            "{what}: no response in {seconds} s"
        )))
    })
}
