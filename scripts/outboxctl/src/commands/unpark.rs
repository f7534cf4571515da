//! `unpark`: makes parked rows pending again, and publishes them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outbox::{RowKey, ports::ParkedRows};

use super::{
    find_row::find_row,
    group_change::{GroupChange, RowChange, RowResult, SeenRows, change_each},
    group_preview::Preview,
    parked_rows::ParkedRow,
    published::{Published, why_left},
};
use crate::{
    context::Context, error::Error, operator::Operator, outbox_parts::OperatorRelay,
    row_name::RowName,
};

/// Returns what [`unpark_group`] would do.
pub(crate) async fn preview_unpark(context: &Context, code: &str) -> Result<Preview, Error> {
    let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
    Ok(Preview::of(context, "publish", ("unpark", &[]), code, &rows).await)
}

/// Unparks rows, and publishes them.
pub(crate) async fn unpark_rows(context: &Context, rows: &[RowName]) -> Result<Published, Error> {
    let wanted = named(&context.parts.relay(), rows).await?;
    unpark(context, wanted).await
}

/// Unparks every parked row, and publishes them.
pub(crate) async fn unpark_all(context: &Context) -> Result<Published, Error> {
    let parked = ParkedRow::all(context).await?;
    let wanted = parked.iter().map(|row| row.key().clone()).collect();
    unpark(context, wanted).await
}

async fn unpark(context: &Context, wanted: BTreeSet<RowKey>) -> Result<Published, Error> {
    let relay = context.parts.relay();
    for key in &wanted {
        let unpark = || relay.table().unpark(key);
        // A row that is not parked any more was unparked by another operator, or by an
        // earlier call whose response was lost.
        relay.patiently(unpark).await.map_err(Error::aws)?;
    }
    Ok(Published::of(
        &wanted,
        &relay.publish_rows(&wanted).await,
        context,
    ))
}

/// Returns the named rows. Every row is checked before the first is changed: a mistyped name
/// changes nothing.
async fn named(relay: &OperatorRelay, rows: &[RowName]) -> Result<BTreeSet<RowKey>, Error> {
    let mut wanted = BTreeSet::new();
    for row in rows {
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

/// Unparks the rows with a code that were parked until this time, and publishes them.
pub(crate) async fn unpark_group(
    context: &Context,
    operator: &dyn Operator,
    code: &str,
    until: Timestamp,
) -> Result<GroupChange, Error> {
    let rows = ParkedRow::only(ParkedRow::all(context).await?, code)?;
    let seen = SeenRows::of(rows, until);
    let relay = context.parts.relay();
    let unpark = async |key: &RowKey| relay.patiently(|| relay.table().unpark(key)).await;
    let changes = change_each(context, operator, "unparking", &seen.rows, unpark).await;
    // A row that another operator unparked is pending: publishing it does no harm.
    let is_pending = |change: &RowChange| change.why_unchanged().is_none();
    let pending = changes.iter().filter(|(_, change)| is_pending(change));
    let wanted: BTreeSet<RowKey> = pending.map(|(key, _)| key.clone()).collect();
    let through = relay.publish_rows(&wanted).await;
    let results = changes.iter().map(|(key, change)| {
        let still_there = || {
            let (why, next) = why_left(key, &through, context)?;
            Some((format!("unparked, and still there: {why}"), next))
        };
        let unchanged = change.why_unchanged().map(|why| (why, None));
        match unchanged.or_else(still_there) {
            Some((why, next)) => RowResult::waiting(key, why, next),
            None if matches!(change, RowChange::Changed) => RowResult::done(key, "published"),
            None => RowResult::done(key, "was no longer parked, and is settled now"),
        }
    });
    Ok(GroupChange::of("published", results.collect(), seen.newer))
}
