//! `discard`: gives up a parked row.

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
    output::Report,
    row_name::RowName,
    text::Text,
};

#[derive(Debug, Serialize)]
struct Discarded {
    /// The row's name.
    discarded: String,
    /// The command that shows the content.
    #[serde(skip)]
    history: String,
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
    let discarded = key.to_string();
    context.print(&Discarded {
        history: context.command_for(&["history"], &discarded, &[]),
        discarded,
    })?;
    Ok(Outcome::Done)
}

/// Returns whether the row is discarded already.
async fn is_discarded(relay: &OperatorRelay, key: &RowKey) -> Result<bool, Error> {
    let kept = key.discarded();
    let read = || relay.table().read(&kept);
    Ok(relay.patiently(read).await.map_err(Error::aws)?.is_some())
}

impl Report for Discarded {
    fn text(&self) -> Text {
        Text::line(format_args!(
            "{} will not be published; its content is kept for 30 days: {}",
            self.discarded, self.history
        ))
    }
}
