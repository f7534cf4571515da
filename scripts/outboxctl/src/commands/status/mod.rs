//! `status`: whether an outbox is healthy, in three steps.
//!
//! | module | step |
//! |---|---|
//! | `collect` | reads the state of the outbox from AWS: a [`Snapshot`] |
//! | `judge` | finds the problems of a snapshot |
//! | `print` | prints the snapshot and its problems |

mod collect;
mod judge;
mod print;

use jiff::Timestamp;

pub(crate) use self::{
    collect::{
        Backlog, BacklogCount, DeadLetters, Recent, Relay as RelayState, Seen, Snapshot, Sweeper,
    },
    judge::{About, Problem, judge},
    print::Status,
};
use crate::{context::Context, error::Error};

/// Reads the state of the outbox, and judges it.
pub(crate) async fn status(context: &Context) -> Result<Status, Error> {
    let snapshot = Snapshot::collect(context).await?;
    let problems = judge(&snapshot, Timestamp::now(), &context.commands);
    Ok(Status { snapshot, problems })
}
