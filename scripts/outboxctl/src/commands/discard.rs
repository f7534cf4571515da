use std::fmt;

use jiff::Timestamp;
use outbox::replay::{Discard, ParkedRows};
use serde::Serialize;

use super::{Context, Ending};
use crate::{error::Error, row_name::RowName};

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
    if !relay.patiently(discarding).await.map_err(Error::aws)? {
        return Err(Error::NotParked(key.to_string()));
    }
    context.print(&Discarded {
        discarded: key.to_string(),
    });
    Ok(Ending::Fine)
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
