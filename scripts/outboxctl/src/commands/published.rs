//! The report of commands that publish single rows.

use std::collections::BTreeSet;

use outbox::{
    RowKey,
    relay::{RowOutcome, Settled},
    replay::WantedOutcome,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    context::{Context, Outcome},
    output::{Report, count},
    text::Text,
};

/// The result of publishing rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    /// Rows that were published, including those before them in their aggregates, and those that
    /// they held.
    pub(crate) published: usize,
    /// Requested rows that are still in the table.
    pub(crate) left: Vec<RemainingRow>,
    /// How many other rows of their aggregates could not be published.
    pub(crate) others_failed: usize,
}

/// A requested row that is still in the table.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemainingRow {
    /// The name of the row.
    pub(crate) row: String,
    /// Why it is still there, and what to do.
    pub(crate) why: String,
}

impl Published {
    /// Compares the requested rows with what became of them.
    pub(super) fn of(
        wanted: &BTreeSet<RowKey>,
        through: &WantedOutcome,
        context: &Context,
    ) -> Self {
        let left = wanted.iter().filter_map(|key| {
            let why = why_left(key, through, context)?;
            let row = key.to_string();
            Some(RemainingRow { row, why })
        });
        let outcomes = through.row_outcomes.values();
        let failed = outcomes.filter(|outcome| matches!(outcome, RowOutcome::Failed(_)));
        Self {
            published: through.published,
            left: left.collect(),
            others_failed: through.failed.saturating_sub(failed.count()),
        }
    }
}

/// Returns why a requested row is still in the table; `None` if it isn't.
pub(super) fn why_left(key: &RowKey, through: &WantedOutcome, context: &Context) -> Option<String> {
    Some(match through.row_outcomes.get(key) {
        Some(RowOutcome::Settled(Settled::Published | Settled::Absent)) => return None,
        Some(RowOutcome::Settled(Settled::AlreadyParked)) => {
            let unpark = context.command_for(&["unpark"], &key.to_string(), &[]);
            format!("it is parked: {unpark}")
        }
        Some(RowOutcome::Settled(Settled::Parked(poison))) => {
            format!("it was parked: {poison}; {}", context.command(&["parked"]))
        }
        Some(RowOutcome::Settled(Settled::Held(parked))) => {
            let unpark = context.command_for(&["unpark"], &parked.to_string(), &[]);
            format!("it is held behind {parked}, which is parked: {unpark}")
        }
        Some(
            RowOutcome::Settled(Settled::LeftToSweeper(failure)) | RowOutcome::Failed(failure),
        ) => failure.to_string(),
        Some(RowOutcome::Settled(Settled::Edited)) => {
            "it was edited concurrently; run the command again".to_owned()
        }
        None => "its result is unknown; run the command again".to_owned(),
    })
}

impl Report for Published {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.left.is_empty() && self.others_failed == 0)
    }

    fn text(&self) -> Text {
        let mut text = Text::line(format_args!("{} published", count(self.published, "row")));
        for left in &self.left {
            text.add(format_args!("{} is still there: {}", left.row, left.why));
        }
        if self.others_failed > 0 {
            let others = count(self.others_failed, "other row");
            text.add(format_args!(
                "{others} of the same aggregate could not be published, and the sweeper tries again"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_behind_that_fail_need_attention() {
        let published = |others_failed| Published {
            published: 1,
            left: Vec::new(),
            others_failed,
        };
        assert_eq!(published(0).outcome(), Outcome::Done);
        assert_eq!(published(2).outcome(), Outcome::NeedsAttention);
        let text = published(2).text().to_string();
        assert!(
            text.contains("2 other rows of the same aggregate could not be published"),
            "{text}"
        );
    }
}
