use std::fmt;

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{Discard, ParkedRows},
};
use serde::Serialize;

use super::{Context, Ending};
use crate::{error::Error, outbox_parts::OperatorRelay, row_name::RowName};

#[derive(Debug, Serialize)]
struct Discarded {
    discarded: String,
}

pub(super) async fn run(
    context: &Context<'_>,
    name: &RowName,
    reason: &str,
) -> Result<Ending, Error> {
    let caller = &context.deployment.account.caller;
    let discard = Discard::new(caller, Timestamp::now(), reason).ok_or(Error::NoReason)?;
    let relay = context.parts.relay();
    let key = name.find(&relay).await?;
    let discarding = || relay.table().discard(&key, &discard);
    let is_done = relay.patiently(discarding).await.map_err(Error::aws)?;
    if !is_done && !is_discarded(&relay, &key).await? {
        return Err(Error::NotParked(key.to_string()));
    }
    context.print(&Discarded {
        discarded: key.to_string(),
    })?;
    Ok(Ending::Fine)
}

/// Whether it was done by a call whose answer was lost, or by a colleague.
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
            "{row} will not be published; what it held is kept for 30 days under discarded#{row}"
        )
    }
}
