//! `discard`: gives up a parked row.

use std::fmt;

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{Discard, ParkedRows},
};
use serde::Serialize;

use super::find_row::find_row;
use crate::{
    context::{Context, Outcome},
    error::Error,
    outbox_parts::OperatorRelay,
    row_name::RowName,
};

#[derive(Debug, Serialize)]
struct Discarded {
    /// The row's name.
    discarded: String,
}

pub(super) async fn run(
    context: &Context<'_>,
    name: &RowName,
    reason: &str,
) -> Result<Outcome, Error> {
    let caller = &context.deployment.account.caller;
    let discard = Discard::new(caller, Timestamp::now(), reason).ok_or(Error::NoReason)?;
    let relay = context.parts.relay();
    let key = find_row(&relay, name).await?;
    let discarding = || relay.table().discard(&key, &discard);
    let is_done = relay.patiently(discarding).await.map_err(Error::aws)?;
    // The row may be discarded by an earlier call whose response was lost, or by another
    // operator: that is a success, too.
    if !is_done && !is_discarded(&relay, &key).await? {
        return Err(Error::NotParked(key.to_string()));
    }
    context.print(&Discarded {
        discarded: key.to_string(),
    })?;
    Ok(Outcome::Done)
}

/// Returns whether the row is discarded already.
async fn is_discarded(relay: &OperatorRelay, key: &RowKey) -> Result<bool, Error> {
    let kept = key.discarded();
    let read = || relay.table().read(&kept);
    Ok(relay.patiently(read).await.map_err(Error::aws)?.is_some())
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = &self.discarded;
        write!(
            f,
            "{row} will not be published; its content is kept for 30 days under discarded#{row}"
        )
    }
}
