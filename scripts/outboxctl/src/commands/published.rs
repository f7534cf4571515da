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
    /// Why it is still there.
    pub(crate) why: String,
    /// The command that shows or settles what keeps it in the table, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Why a row is still in the table, and a command for that.
pub(super) type WhyLeft = (String, Option<String>);

impl Published {
    /// Compares the requested rows with what became of them.
    pub(super) fn of(
        wanted: &BTreeSet<RowKey>,
        through: &WantedOutcome,
        context: &Context,
    ) -> Self {
        let left = wanted.iter().filter_map(|key| {
            let (why, next) = why_left(key, through, context)?;
            let row = key.to_string();
            Some(RemainingRow { row, why, next })
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
pub(super) fn why_left(
    key: &RowKey,
    through: &WantedOutcome,
    context: &Context,
) -> Option<WhyLeft> {
    let unpark = |row: &RowKey| context.command_for(&["unpark"], &row.to_string(), &[]);
    Some(match through.row_outcomes.get(key) {
        Some(RowOutcome::Settled(Settled::Published | Settled::Absent)) => return None,
        Some(RowOutcome::Settled(Settled::AlreadyParked)) => {
            ("it is parked".to_owned(), Some(unpark(key)))
        }
        Some(RowOutcome::Settled(Settled::Parked(poison))) => {
            let parked = context.command(&["parked"]);
            (format!("it was parked: {poison}"), Some(parked))
        }
        Some(RowOutcome::Settled(Settled::Held(parked))) => {
            let why = format!("it is held behind {parked}, which is parked");
            (why, Some(unpark(parked)))
        }
        Some(
            RowOutcome::Settled(Settled::LeftToSweeper(failure)) | RowOutcome::Failed(failure),
        ) => (failure.to_string(), None),
        Some(RowOutcome::Settled(Settled::Edited)) => {
            let why = "it was edited concurrently; run the command again";
            (why.to_owned(), None)
        }
        None => {
            let why = "its result is unknown; run the command again";
            (why.to_owned(), None)
        }
    })
}

impl Report for Published {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.left.is_empty() && self.others_failed == 0)
    }

    fn text(&self) -> Text {
        let mut text = Text::line(format_args!("{} published", count(self.published, "row")));
        for left in &self.left {
            let why = format!("{} is still there: {}", left.row, left.why);
            match &left.next {
                Some(next) => text.suggest(why, next),
                None => text.add(why),
            }
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
