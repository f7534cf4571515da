//! `unpark`: makes parked rows pending again, and publishes them.

use std::collections::BTreeSet;

use outbox::ports::ParkedRows;

use super::{find_row::find_row, parked, published::Published};
use crate::{
    arguments::Unpark,
    context::{Context, Outcome},
    error::Error,
};

pub(super) async fn run(context: &Context<'_>, options: &Unpark) -> Result<Outcome, Error> {
    let relay = context.parts.relay();
    let mut wanted = BTreeSet::new();
    if options.rows.is_empty() {
        let parked = parked::parked(context, options.reason.as_deref()).await?;
        wanted.extend(parked.into_iter().map(|(candidate, _)| candidate.key));
    }
    // Every row is checked before the first is changed: a mistyped name changes nothing.
    for row in &options.rows {
        let key = find_row(&relay, row).await?;
        let read = || relay.table().read(&key);
        let stored = relay.patiently(read).await.map_err(Error::aws)?;
        if stored.is_none_or(|row| row.parked.is_none()) {
            return Err(Error::NotParked(key.to_string()));
        }
        wanted.insert(key);
    }
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
