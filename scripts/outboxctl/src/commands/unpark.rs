use std::collections::BTreeSet;

use outbox::ports::ParkedRows;

use super::{Context, Ending, parked, published::Published};
use crate::{arguments::Unpark, error::Error};

pub(super) async fn run(context: &Context<'_>, options: &Unpark) -> Result<Ending, Error> {
    let relay = context.parts.relay();
    let mut wanted = BTreeSet::new();
    if options.rows.is_empty() {
        let parked = parked::parked(context, options.reason.as_deref()).await?;
        wanted.extend(parked.into_iter().map(|(arrival, _)| arrival.key));
    }
    // All are looked at before the first is changed.
    for row in &options.rows {
        let key = row.find(&relay).await?;
        let read = || relay.table().read(&key);
        let stored = relay.patiently(read).await.map_err(Error::aws)?;
        if stored.is_none_or(|row| row.parked.is_none()) {
            return Err(Error::NotParked(key.to_string()));
        }
        wanted.insert(key);
    }
    for key in &wanted {
        let unpark = || relay.table().unpark(key);
        // If it was not done, a colleague did it, or it was done by a call whose
        // answer was lost.
        relay.patiently(unpark).await.map_err(Error::aws)?;
    }
    let published = Published::of(&wanted, &relay.publish_through(&wanted).await, context);
    context.print(&published)?;
    Ok(published.ending())
}
