//! `status`: collects what can be seen of an outbox, judges whether it is healthy, and
//! prints both.

mod backlog;
mod dead_letters;
mod problems;
mod recent;
mod relay;
mod report;
mod snapshot;
mod sweeper;

use jiff::Timestamp;

use self::{problems::problems, report::Status, snapshot::Snapshot};
use crate::{
    context::{Context, Outcome},
    error::Error,
};

pub(super) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let snapshot = Snapshot::collect(context).await?;
    let problems = problems(&snapshot, Timestamp::now(), context.commands);
    let outcome = Outcome::done_if(problems.is_empty());
    context.print(&Status { snapshot, problems })?;
    Ok(outcome)
}
