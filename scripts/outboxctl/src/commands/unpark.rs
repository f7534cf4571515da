use std::collections::BTreeSet;

use outbox::replay::ParkedRows;

use super::{Context, Ending, parked, published::Published};
use crate::{arguments::Unpark, error::Error};

pub(super) async fn run(context: &Context<'_>, options: &Unpark) -> Result<Ending, Error> {
    let relay = context.parts.relay();
    let mut wanted = BTreeSet::new();
    if options.rows.is_empty() {
        wanted.extend(parked::keys(context, options.reason.as_deref()).await?);
    }
    for row in &options.rows {
        wanted.insert(row.find(&relay).await?);
    }
    for key in &wanted {
        let unpark = || relay.table().unpark(key);
        let unparked = relay.patiently(unpark).await.map_err(Error::aws)?;
        // By its name somebody believes it to be set aside; one of a list may
        // have been unparked by a colleague.
        if !unparked && !options.rows.is_empty() {
            return Err(Error::NotParked(key.to_string()));
        }
    }
    let published = Published::of(&wanted, &relay.publish_through(&wanted).await);
    context.print(&published);
    Ok(published.ending())
}
