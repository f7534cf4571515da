use std::{collections::BTreeSet, fmt};

use outbox::{RowKey, relay::{Fate, Settled}, replay::Through};
use serde::Serialize;

use super::{Context, Ending};
use crate::output::count;

/// What publishing some rows came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Published {
    /// Rows that were published, those included that came before.
    published: usize,
    /// Rows that were wanted and are still there.
    left: Vec<Left>,
}

#[derive(Debug, Serialize)]
struct Left {
    row: String,
    why: String,
}

impl Published {
    pub(super) fn of(wanted: &BTreeSet<RowKey>, through: &Through, context: &Context<'_>) -> Self {
        let left = wanted.iter().filter_map(|key| {
            let row = key.to_string();
            let why = match through.fates.get(key) {
                Some(Fate::Settled(Settled::Published | Settled::Absent)) => return None,
                Some(Fate::Settled(Settled::AlreadyParked)) => {
                    format!("it is set aside: {}", context.command(&["unpark", &row]))
                }
                Some(Fate::Settled(Settled::Parked(poison))) => {
                    format!("set aside: {poison}; {}", context.command(&["parked"]))
                }
                Some(Fate::Settled(Settled::LeftToSweeper(failure)) | Fate::Failed(failure)) => {
                    failure.to_string()
                }
                Some(Fate::Settled(Settled::Edited)) => {
                    "it was edited meanwhile; run it again".to_owned()
                }
                None => "nobody knows; run it again".to_owned(),
            };
            Some(Left { row, why })
        });
        Self {
            published: through.published,
            left: left.collect(),
        }
    }

    pub(super) fn ending(&self) -> Ending {
        if self.left.is_empty() {
            Ending::Fine
        } else {
            Ending::NeedsAPerson
        }
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} published", count(self.published, "row"))?;
        for left in &self.left {
            write!(f, "\n{} is still there: {}", left.row, left.why)?;
        }
        Ok(())
    }
}
