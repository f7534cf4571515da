//! How often operators have edited rows, and when last, by the records of their decisions.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, Decided, ParkedRows},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{age, failure_group::FailureGroup, outbox_parts::OperatorRelay, output::count};

/// How many aggregates are read at once.
const AT_ONCE: usize = 8;

/// The edits of one row, as far as there are records of them: the past 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Edited {
    /// How many times it was edited.
    times: u64,
    /// When it was last edited, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    last: Option<Timestamp>,
}

/// The edits of the rows of a group.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct EditedRows {
    /// How many rows of the group were edited.
    rows: usize,
    /// When the last of them was edited, if one was and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    last: Option<Timestamp>,
}

/// The edits of rows; a row without an edit is not in it.
#[derive(Debug, Default)]
pub(crate) struct Edits(HashMap<RowKey, Edited>);

impl Edits {
    /// Reads the records about the aggregates of these rows.
    pub(crate) async fn read(
        relay: &OperatorRelay,
        rows: impl IntoIterator<Item = &RowKey>,
    ) -> Result<Self, CallError> {
        let aggregates: BTreeSet<&str> = rows
            .into_iter()
            .map(|row| row.aggregate_id.as_str())
            .collect();
        let read = |aggregate_id: &str| {
            // Owned, so that the future borrows nothing of the iterator.
            let aggregate_id = aggregate_id.to_owned();
            async move {
                let decisions = || relay.table().decisions(&aggregate_id);
                relay.patiently(decisions).await
            }
        };
        let reads: Vec<_> = aggregates.into_iter().map(read).collect();
        let decisions = stream::iter(reads).buffer_unordered(AT_ONCE);
        let mut edits = Self::default();
        let decisions: Vec<_> = decisions.try_collect().await?;
        for decision in decisions.into_iter().flatten() {
            if decision.what == Decided::Edited {
                edits.add(decision.row, decision.at);
            }
        }
        Ok(edits)
    }

    fn add(&mut self, row: RowKey, at: Option<Timestamp>) {
        let edited = self.0.entry(row).or_default();
        edited.times += 1;
        edited.last = edited.last.max(at);
    }

    /// Returns the edits of a row, if there are any.
    pub(crate) fn of(&self, row: &RowKey) -> Option<Edited> {
        self.0.get(row).copied()
    }

    /// Returns the edits of the rows of a group.
    pub(crate) fn of_group(&self, group: &FailureGroup) -> EditedRows {
        let edits = group.keys.iter().filter_map(|row| self.of(row));
        edits.fold(EditedRows::default(), |sum, edited| EditedRows {
            rows: sum.rows + 1,
            last: sum.last.max(edited.last),
        })
    }
}

impl EditedRows {
    /// Returns the edits in words: `2 rows, last 3h ago`.
    pub(crate) fn text(&self) -> String {
        match self.last {
            _ if self.rows == 0 => "none in 30 days".to_owned(),
            Some(last) => format!("{}, last {} ago", count(self.rows, "row"), age::age(last)),
            None => count(self.rows, "row"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure_group::Failure;

    fn row(aggregate_id: &str) -> RowKey {
        RowKey {
            aggregate_id: aggregate_id.to_owned(),
            position: "1".to_owned(),
        }
    }

    #[test]
    fn a_group_has_the_edits_of_its_rows() {
        let mut edits = Edits::default();
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        edits.add(row("a"), at(5));
        edits.add(row("a"), None);
        edits.add(row("a"), at(3));
        edits.add(row("b"), at(9));
        assert_eq!(edits.of(&row("a")).unwrap().times, 3);
        assert_eq!(edits.of(&row("c")), None);
        let group = |aggregates: &[&str]| {
            let failures = aggregates.iter().map(|aggregate_id| Failure {
                code: String::new(),
                message: String::new(),
                from: None,
                name: String::new(),
                row: Some(row(aggregate_id)),
                at: None,
            });
            FailureGroup::of(failures).remove(0)
        };
        let edited = |rows, last| EditedRows { rows, last };
        assert_eq!(edits.of_group(&group(&["a", "c"])), edited(1, at(5)));
        assert_eq!(edits.of_group(&group(&["a", "b"])), edited(2, at(9)));
        let none = edits.of_group(&group(&["c"]));
        assert_eq!(none.text(), "none in 30 days");
    }
}
