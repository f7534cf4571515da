//! `unpark`: makes parked rows pending again, and publishes them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outbox::{RowKey, ports::ParkedRows};

use super::{
    find_row::find_row,
    group_change::{GroupChange, RowChange, RowResult, SeenRows, change_each},
    group_preview,
    parked_rows::ParkedRow,
    published::{Published, why_left},
};
use crate::{
    arguments::Unpark,
    context::{Context, Outcome},
    error::Error,
    outbox_parts::OperatorRelay,
};

pub(super) async fn run(context: &Context<'_>, options: &Unpark) -> Result<Outcome, Error> {
    if let Some(code) = &options.whole.group {
        let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
        return match options.whole.until {
            Some(until) => unpark_group(context, rows, until).await,
            None => group_preview::show(context, "publish", ("unpark", &[]), code, &rows).await,
        };
    }
    let relay = context.parts.relay();
    let wanted = if options.all {
        let parked = ParkedRow::all(context).await?;
        parked.iter().map(|row| row.key().clone()).collect()
    } else {
        named(&relay, options).await?
    };
    for key in &wanted {
        let unpark = || relay.table().unpark(key);
        // A row that is not parked any more was unparked by another operator, or by an
        // earlier call whose response was lost.
        relay.patiently(unpark).await.map_err(Error::aws)?;
    }
    let published = Published::of(&wanted, &relay.publish_rows(&wanted).await, context);
    context.print(&published)?;
    Ok(published.outcome())
}

/// Returns the named rows. Every row is checked before the first is changed: a mistyped name
/// changes nothing.
async fn named(relay: &OperatorRelay, options: &Unpark) -> Result<BTreeSet<RowKey>, Error> {
    let mut wanted = BTreeSet::new();
    for row in &options.rows {
        let key = find_row(relay, row).await?;
        let read = || relay.table().read(&key);
        let stored = relay.patiently(read).await.map_err(Error::aws)?;
        if stored.is_none_or(|row| row.parked.is_none()) {
            return Err(Error::NotParked(key.to_string()));
        }
        wanted.insert(key);
    }
    Ok(wanted)
}

async fn unpark_group(
    context: &Context<'_>,
    rows: Vec<ParkedRow>,
    until: Timestamp,
) -> Result<Outcome, Error> {
    let seen = SeenRows::of(rows, until);
    let relay = context.parts.relay();
    let unpark = async |key: &RowKey| relay.patiently(|| relay.table().unpark(key)).await;
    let changes = change_each(context, "unparking", &seen.rows, unpark).await;
    // A row that another operator unparked is pending: publishing it does no harm.
    let is_pending = |change: &RowChange| change.why_unchanged().is_none();
    let pending = changes.iter().filter(|(_, change)| is_pending(change));
    let wanted: BTreeSet<RowKey> = pending.map(|(key, _)| key.clone()).collect();
    let through = relay.publish_rows(&wanted).await;
    let results = changes.iter().map(|(key, change)| {
        let still_there = || {
            let why = why_left(key, &through, context)?;
            Some(format!("unparked, and still there: {why}"))
        };
        match change.why_unchanged().or_else(still_there) {
            Some(why) => RowResult::left(key, why),
            None if matches!(change, RowChange::Changed) => RowResult::done(key, "published"),
            None => RowResult::done(key, "was no longer parked, and is settled now"),
        }
    });
    GroupChange::print(context, "published", results.collect(), seen.newer)
}
