//! Collects everything that is known about an outbox at one time.

mod backlog;
mod dead_letters;
mod metric;
mod past_hour;
mod recent;
mod relay;
mod sweeper;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

#[cfg(test)]
pub(crate) use self::metric::tests::{output, result};
#[cfg(test)]
pub(super) use self::{backlog::HeldBehind, past_hour::AtOnce};
pub(crate) use self::{
    backlog::{Backlog, BacklogCount},
    dead_letters::DeadLetters,
    metric::{MetricQuery, MetricResults},
    past_hour::{PastHour, PastHourMetrics, Published, WayInWords},
    recent::{PAST, Recent, Seen},
    relay::Relay,
    sweeper::Sweeper,
};
use crate::{context::Context, error::Error};

/// An outbox as it was when `status` looked at it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// The name of the stack.
    pub(crate) stack: String,
    /// The id of the AWS account.
    pub(crate) account: String,
    /// The Region.
    pub(crate) region: String,
    #[serde(flatten)]
    pub(crate) backlog: Backlog,
    /// The dead-letter queue.
    pub(crate) dead_letters: DeadLetters,
    /// The stream mapping that invokes the relay.
    pub(crate) relay: Relay,
    /// What CloudWatch counted in the past 15 minutes.
    pub(crate) recent: Recent,
    /// The schedule that starts the sweeper.
    pub(crate) sweeper: Sweeper,
    /// Whether it is deployed to the emulator on this machine.
    #[serde(skip)]
    pub(crate) is_local: bool,
}

impl Snapshot {
    /// Collects it from AWS.
    ///
    /// # Errors
    ///
    /// If a call fails, except for `CloudWatch`: its numbers are then unknown.
    pub(crate) async fn collect(context: &Context) -> Result<Self, Error> {
        let (dead_letters, relay, sweeper) = tokio::try_join!(
            DeadLetters::find(context),
            Relay::find(context),
            Sweeper::find(context)
        )?;
        let recent = Recent::find(context, relay.function.as_deref()).await;
        // Last, so that no other call waits behind the scan of a large table.
        let backlog = Backlog::read(context).await?;
        let deployment = &context.deployment;
        Ok(Self {
            stack: deployment.stack.clone(),
            account: deployment.account.id.clone(),
            region: deployment.account.region.clone(),
            backlog,
            dead_letters,
            relay,
            recent,
            sweeper,
            is_local: deployment.is_local,
        })
    }

    /// Returns the age of the oldest pending event, if there is one.
    pub(crate) fn oldest_age(&self, now: Timestamp) -> Option<SignedDuration> {
        let oldest = self.backlog.oldest_pending?;
        Some(now.duration_since(oldest))
    }

    /// Returns whether an event may have been pending since this time. Rows of unknown
    /// age count, and so do rows that were not read.
    pub(crate) fn may_be_pending_since(&self, time: Timestamp) -> bool {
        let oldest = self.backlog.oldest_pending;
        let is_as_old = oldest.map_or(self.backlog.pending > 0, |oldest| oldest <= time);
        self.backlog.at_least || is_as_old
    }
}

#[cfg(test)]
impl Snapshot {
    /// Returns an outbox without problems, for tests.
    pub(crate) fn healthy(now: Timestamp) -> Self {
        Self {
            stack: "orders-dev".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            backlog: Backlog {
                pending: 3,
                oldest_pending: Some(now - SignedDuration::from_mins(20)),
                ..Backlog::default()
            },
            dead_letters: DeadLetters {
                visible: 0,
                in_flight: 0,
                oldest: None,
                at_least: false,
            },
            relay: Relay {
                state: "Enabled".into(),
                last_result: "OK".into(),
                settings: String::new(),
                function: None,
                batching_window: SignedDuration::ZERO,
            },
            recent: Recent::Seen(Seen {
                relayed: 3,
                sweeps: 3,
                ..Seen::default()
            }),
            sweeper: Sweeper {
                state: "ENABLED".into(),
                schedule: "rate(5 minutes)".into(),
            },
            is_local: false,
        }
    }
}
