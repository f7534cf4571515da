//! `discard`: gives up parked rows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, Discard, ParkedRows},
};
use serde::Serialize;

use super::{
    find_row::find_row,
    group_change::{GroupChange, RowChange, RowResult, SeenRows, change_each},
    group_preview,
    parked_rows::ParkedRow,
};
use crate::{
    arguments,
    context::{Context, Outcome},
    error::Error,
    outbox_parts::OperatorRelay,
    output::{Report, count},
    row_name::RowName,
    text::Text,
};

#[derive(Debug, Serialize)]
struct Discarded {
    /// The row's name.
    discarded: String,
    /// How many rows of its aggregate were published then: those that it held.
    published: usize,
    /// How many of those could not be published.
    failed: usize,
    /// The command that shows the content.
    #[serde(skip)]
    history: String,
}

pub(super) async fn run(
    context: &Context<'_>,
    options: &arguments::Discard,
) -> Result<Outcome, Error> {
    let caller = &context.deployment.account.caller;
    let reason = &options.reason;
    let discard = Discard::new(caller, Timestamp::now(), reason).ok_or(Error::NoReason)?;
    if let Some(row) = &options.row {
        return discard_one(context, row, &discard).await;
    }
    // Without a row there is a group, or the command line was rejected.
    let code = options.whole.group.as_deref().unwrap_or_default();
    let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
    if let Some(until) = options.whole.until {
        return discard_group(context, rows, until, &discard).await;
    }
    let command = ("discard", &["--reason", reason.as_str()][..]);
    group_preview::show(context, "discard", command, code, &rows).await
}

async fn discard_one(
    context: &Context<'_>,
    name: &RowName,
    discard: &Discard,
) -> Result<Outcome, Error> {
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
    context.print(&Discarded {
        history: context.command_for(&["history"], &discarded, &[]),
        discarded,
        published: held.published,
        failed: held.failed,
    })?;
    Ok(Outcome::done_if(held.failed == 0))
}

async fn discard_group(
    context: &Context<'_>,
    rows: Vec<ParkedRow>,
    until: Timestamp,
    discard: &Discard,
) -> Result<Outcome, Error> {
    let seen = SeenRows::of(rows, until);
    let relay = context.parts.relay();
    let discarding = async |key: &RowKey| {
        relay
            .patiently(|| relay.table().discard(key, discard))
            .await
    };
    let mut results = Vec::new();
    for (key, change) in change_each(context, "discarding", &seen.rows, discarding).await {
        results.push(result(&relay, &key, &change).await);
    }
    let discarded = seen.rows.iter().map(|row| row.key().clone()).collect();
    let held = relay.publish_rows(&discarded).await;
    if held.published + held.failed > 0 {
        context.note(held_rows(held.published, held.failed));
    }
    let outcome = GroupChange::print(context, "discarded", results, seen.newer)?;
    Ok(if held.failed == 0 {
        outcome
    } else {
        Outcome::NeedsAttention
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

/// Says what became of the rows that discarded ones held.
fn held_rows(published: usize, failed: usize) -> Text {
    let mut text = Text::new();
    if published > 0 {
        let rows = count(published, "row");
        text.add(format_args!("{rows} behind it published"));
    }
    if failed > 0 {
        let rows = count(failed, "row");
        text.add(format_args!(
            "{rows} behind it could not be published, and the sweeper tries again"
        ));
    }
    text
}

impl Report for Discarded {
    fn text(&self) -> Text {
        let mut text = Text::line(format_args!(
            "{} will not be published; its content is kept for 30 days: {}",
            self.discarded, self.history
        ));
        if self.published + self.failed > 0 {
            text.append(held_rows(self.published, self.failed));
        }
        text
    }
}
