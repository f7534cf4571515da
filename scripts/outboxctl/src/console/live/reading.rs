//! What was read of an outbox for the open pages.

use std::time::Duration;

use devstack_api::{Activity, Batch, InjectedFault};
use jiff::Timestamp;

use super::{
    backlog::BacklogReading,
    hour::Hour,
    part::{Failure, FailureKind, Part},
};
use crate::{
    commands::status::{DeadLetters, Recent, RelayState, Seen, Snapshot, Sweeper},
    context::Context,
};

/// An outbox at one time. Parts that can't be read keep their last values.
#[derive(Debug, Clone)]
pub(in super::super) struct Reading {
    /// When the last attempt was made.
    pub(in super::super) at: Timestamp,
    pub(in super::super) backlog: Part<BacklogReading>,
    pub(in super::super) letters: Part<DeadLetters>,
    pub(in super::super) relay: Part<RelayState>,
    pub(in super::super) sweeper: Part<Sweeper>,
    pub(in super::super) recent: Part<Seen>,
    /// The metrics of the last hour; never read on the local stack, which has none.
    pub(in super::super) hour: Part<Hour>,
    /// What the local stack says, if it is one.
    pub(in super::super) local: Option<LocalReading>,
}

/// What the local stack says.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct LocalReading {
    pub(in super::super) activity: Part<Activity>,
    /// The newest batches.
    pub(in super::super) batches: Part<Vec<Batch>>,
    pub(in super::super) faults: Part<Vec<InjectedFault>>,
    /// How many events the bus has accepted in each minute while the page was open, the oldest
    /// first.
    pub(in super::super) accepted: Vec<f64>,
    /// How many orders were placed in the last minute.
    pub(in super::super) orders_now: u64,
    /// How many events were delivered in the last minute.
    pub(in super::super) delivered_now: u64,
}

impl Reading {
    /// Returns a reading in which nothing is known.
    pub(in super::super) fn blank(has_local: bool) -> Self {
        Self {
            at: Timestamp::now(),
            backlog: Part::default(),
            letters: Part::default(),
            relay: Part::default(),
            sweeper: Part::default(),
            recent: Part::default(),
            hour: Part::default(),
            local: has_local.then(LocalReading::default),
        }
    }

    /// Returns whether it is younger than half of the time between two readings.
    pub(super) fn is_younger_than(&self, every: Duration) -> bool {
        Timestamp::now().duration_since(self.at).unsigned_abs() < every / 2
    }

    /// Returns the failures of this reading, each once.
    pub(in super::super) fn failures(&self) -> Vec<Failure> {
        let of_aws = [
            &self.backlog.failure,
            &self.letters.failure,
            &self.relay.failure,
            &self.sweeper.failure,
            &self.recent.failure,
            &self.hour.failure,
        ];
        let local = self.local.as_ref();
        let of_local = local.map(|local| &local.activity.failure);
        let mut failures: Vec<Failure> = Vec::new();
        for failure in of_aws.into_iter().chain(of_local).flatten() {
            if !failures.contains(failure) {
                failures.push(failure.clone());
            }
        }
        failures
    }

    /// Returns whether AWS can't be reached, so that the values are old.
    pub(in super::super) fn is_stale(&self) -> bool {
        let failure = self.backlog.failure.as_ref();
        failure.is_some_and(|failure| failure.kind == FailureKind::Unreachable)
    }

    /// Returns how many rows and letters are to be fixed.
    pub(in super::super) fn to_fix(&self) -> usize {
        let parked = self.backlog.get().map_or(0, |rows| rows.backlog.parked);
        let letters = self.letters.get();
        parked + letters.map_or(0, |letters| letters.visible + letters.in_flight)
    }

    /// Returns what `status` judges; `None` while something of it was never read.
    pub(in super::super) fn snapshot(&self, context: &Context) -> Option<Snapshot> {
        let deployment = &context.deployment;
        let recent = match (self.recent.get(), &self.recent.failure) {
            (_, Some(failure)) => Recent::Unknown {
                unknown: failure.message.clone(),
            },
            (Some(seen), None) => Recent::Seen(seen.clone()),
            (None, None) => return None,
        };
        Some(Snapshot {
            stack: deployment.stack.clone(),
            account: deployment.account.id.clone(),
            region: deployment.account.region.clone(),
            backlog: self.backlog.get()?.backlog.clone(),
            dead_letters: self.letters.get()?.clone(),
            relay: self.relay.get()?.clone(),
            recent,
            sweeper: self.sweeper.get()?.clone(),
            is_local: deployment.is_local,
        })
    }
}
