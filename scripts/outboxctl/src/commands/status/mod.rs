//! `status`: whether an outbox is healthy, in three steps.
//!
//! | module | step |
//! |---|---|
//! | `collect` | reads the state of the outbox from AWS: a [`Snapshot`] |
//! | `judge` | finds the problems of a snapshot |
//! | `print` | prints the snapshot and its problems |
//!
//! `watch` does it again and again.

mod collect;
mod judge;
mod print;
mod watch;

use jiff::Timestamp;

use self::collect::Published;
#[cfg(test)]
pub(crate) use self::collect::{output, result};
pub(crate) use self::{
    collect::{
        Backlog, BacklogCount, DeadLetters, MetricQuery, MetricResults, PastHour, PastHourMetrics,
        Recent, Relay as RelayState, Seen, Snapshot, Sweeper, WayInWords,
    },
    judge::{About, Problem, judge},
    print::Status,
    watch::watch_status,
};
use crate::{context::Context, error::Error};

/// Reads the state of the outbox, and judges it.
pub(crate) async fn status(context: &Context) -> Result<Status, Error> {
    let (snapshot, past_hour) = tokio::join!(Snapshot::collect(context), Published::find(context));
    let snapshot = snapshot?;
    let problems = judge(&snapshot, Timestamp::now(), &context.commands);
    Ok(Status {
        snapshot,
        past_hour,
        problems,
    })
}
