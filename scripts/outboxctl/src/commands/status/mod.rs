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

use self::{collect::Snapshot, judge::judge, print::Status};
use crate::{
    context::{Context, Outcome},
    error::Error,
};

pub(super) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let snapshot = Snapshot::collect(context).await?;
    let problems = judge(&snapshot, Timestamp::now(), context.commands);
    let outcome = Outcome::done_if(problems.is_empty());
    context.print(&Status { snapshot, problems })?;
    Ok(outcome)
}
