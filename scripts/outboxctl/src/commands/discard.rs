//! `discard`: gives up parked rows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, Discard, ParkedRows},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    find_row::find_row,
    group_change::{GroupChange, RowChange, RowResult, SeenRows, change_each},
    group_preview::Preview,
    parked_rows::ParkedRow,
};
use crate::{
    context::{Context, Outcome},
    error::Error,
    operator::Operator,
    outbox_parts::OperatorRelay,
    output::{Report, count},
    row_name::RowName,
    text::Text,
};

/// The result of discarding a row.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Discarded {
    /// The row's name.
    pub(crate) discarded: String,
    /// How many rows of its aggregate were published then: those that it held.
    pub(crate) published: usize,
    /// How many of those could not be published.
    pub(crate) failed: usize,
    /// The command that shows the content.
    #[serde(skip)]
    history: String,
}

/// Returns the record of a discard by the operator, now.
fn by_operator(context: &Context, reason: &str) -> Result<Discard, Error> {
    let caller = &context.deployment.account.caller;
    Discard::new(caller, Timestamp::now(), reason).ok_or(Error::NoReason)
}

/// Returns what [`discard_group`] would do.
pub(crate) async fn preview_discard(
    context: &Context,
    code: &str,
    reason: &str,
) -> Result<Preview, Error> {
    by_operator(context, reason)?;
    let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
    let command = ("discard", &["--reason", reason][..]);
    Ok(Preview::of(context, "discard", command, code, &rows).await)
}

/// Discards a row, and publishes those that it held.
pub(crate) async fn discard_row(
    context: &Context,
    name: &RowName,
    reason: &str,
) -> Result<Discarded, Error> {
    let discard = &by_operator(context, reason)?;
    let relay = context.parts.relay();
    let key = find_row(&relay, name).await?;
    let discarding = || relay.table().discard(&key, discard);
    let is_done = relay.patiently(discarding).await.map_err(Error::aws)?;
    // The row may be discarded by an earlier call whose response was lost, or by another
    // operator: that is a success, too.
    if !is_done && !is_discarded(&relay, &key).await.map_err(Error::aws)? {
        return Err(Error::NotParked(key.to_string()));
    }
    let held = relay.publish_rows(&BTreeSet::from([key.clone()])).await;
    let discarded = key.to_string();
    Ok(Discarded {
        history: context.command_for(&["history"], &discarded, &[]),
        discarded,
        published: held.published,
        failed: held.failed,
    })
}

/// Discards the rows with a code that were parked until this time, and publishes those that they
/// held.
pub(crate) async fn discard_group(
    context: &Context,
    operator: &dyn Operator,
    code: &str,
    until: Timestamp,
    reason: &str,
) -> Result<GroupChange, Error> {
    let discard = &by_operator(context, reason)?;
    let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
    let seen = SeenRows::of(rows, until);
    let relay = context.parts.relay();
    let discarding = async |key: &RowKey| {
        relay
            .patiently(|| relay.table().discard(key, discard))
            .await
    };
    let mut results = Vec::new();
    for (key, change) in change_each(context, operator, "discarding", &seen.rows, discarding).await
    {
        results.push(result(&relay, &key, &change).await);
    }
    let discarded = seen.rows.iter().map(|row| row.key().clone()).collect();
    let held = relay.publish_rows(&discarded).await;
    for line in held_rows(held.published, held.failed) {
        operator.note(Text::line(line));
    }
    Ok(GroupChange {
        held_failed: held.failed,
        ..GroupChange::of("discarded", results, seen.newer)
    })
}

async fn result(relay: &OperatorRelay, key: &RowKey, change: &RowChange) -> RowResult {
    match (change.why_unchanged(), change) {
        (Some(why), _) => RowResult::left(key, why),
        (None, RowChange::Changed) => RowResult::done(key, "discarded"),
        (None, _) => match is_discarded(relay, key).await {
            Ok(true) => RowResult::done(key, "was discarded already"),
            Ok(false) => RowResult::left(key, "was no longer parked, and is not discarded".into()),
            Err(error) => RowResult::left(key, format!("was no longer parked; {error}")),
        },
    }
}

/// Returns whether the row is discarded already.
async fn is_discarded(relay: &OperatorRelay, key: &RowKey) -> Result<bool, CallError> {
    let kept = key.discarded();
    let read = || relay.table().read(&kept);
    Ok(relay.patiently(read).await?.is_some())
}

/// Says what became of the rows that discarded ones held; nothing if they held none.
pub(crate) fn held_rows(published: usize, failed: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if published > 0 {
        let rows = count(published, "row");
        lines.push(format!("{rows} behind it published"));
    }
    if failed > 0 {
        let rows = count(failed, "row");
        lines.push(format!(
            "{rows} behind it could not be published, and the sweeper tries again"
        ));
    }
    lines
}

impl Report for Discarded {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.failed == 0)
    }

    fn text(&self) -> Text {
        let mut text = Text::new();
        let kept = "will not be published; its content is kept for 30 days";
        text.suggest(format_args!("{} {kept}", self.discarded), &self.history);
        for line in held_rows(self.published, self.failed) {
            text.add(line);
        }
        text
    }
}
