//! A change of every parked row of a group, and its result for each.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{CallError, ParkedRows},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::parked_rows::ParkedRow;
use crate::{
    context::{Context, Outcome},
    operator::Operator,
    outbox_parts::OperatorRelay,
    output::{Report, count},
    text::Text,
};

/// What came of the change of one row.
#[derive(Debug)]
pub(super) enum RowChange {
    Changed,
    /// Another operator was faster, or an earlier call whose response was lost.
    NoLongerParked,
    /// It was unparked and parked again since it was listed, for another reason.
    OtherGroup(String),
    Failed(CallError),
    /// The command was interrupted, or a row before it failed.
    NotTried,
}

/// The result of a change of a group of parked rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupChange {
    /// What was done: `published` or `discarded`.
    pub(crate) action: &'static str,
    /// How many rows it was done to, by this command or before.
    pub(crate) done: usize,
    /// The result for each row.
    pub(crate) rows: Vec<RowResult>,
    /// Rows that joined the group after it was shown. They were left as they are.
    pub(crate) newer: usize,
    /// How many rows that the group held could not be published.
    #[serde(skip)]
    pub(crate) held_failed: usize,
}

/// The result for one row.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RowResult {
    /// The name of the row.
    pub(crate) row: String,
    /// The result in words.
    pub(crate) result: String,
    /// The command that shows or settles what the row waits for, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// Whether nothing is left to do about the row.
    #[serde(skip)]
    pub(crate) is_done: bool,
}

/// The rows of a group that the operator has seen.
pub(super) struct SeenRows {
    pub(super) rows: Vec<ParkedRow>,
    /// How many have joined the group since.
    pub(super) newer: usize,
}

impl SeenRows {
    /// Keeps the rows that were parked until this time.
    pub(super) fn of(rows: Vec<ParkedRow>, until: Timestamp) -> Self {
        let (seen, newer): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.parked_at() <= until);
        Self {
            rows: seen,
            newer: newer.len(),
        }
    }
}

/// Changes rows one by one. Ends at the first failure: what denies one change denies the next,
/// and a failed call was retried already.
pub(super) async fn change_each(
    context: &Context,
    operator: &dyn Operator,
    what: &'static str,
    rows: &[ParkedRow],
    change: impl AsyncFn(&RowKey) -> Result<bool, CallError>,
) -> Vec<(RowKey, RowChange)> {
    operator.offer_stop();
    operator.begin(what, rows.len());
    let relay = context.parts.relay();
    let mut changes = Vec::new();
    let mut is_failed = false;
    for row in rows {
        let result = if is_failed || operator.is_stop_wanted() {
            RowChange::NotTried
        } else {
            change_one(&relay, row, &change).await
        };
        is_failed |= matches!(result, RowChange::Failed(_));
        changes.push((row.key().clone(), result));
        operator.advance();
    }
    operator.finish();
    changes
}

async fn change_one(
    relay: &OperatorRelay,
    row: &ParkedRow,
    change: impl AsyncFn(&RowKey) -> Result<bool, CallError>,
) -> RowChange {
    let key = row.key();
    // A large group takes minutes, in which another operator may settle the row, and the relay
    // park it again for another reason.
    let now = relay.patiently(|| relay.table().read(key)).await;
    let mark = match now {
        Ok(now) => now.and_then(|row| row.parked),
        Err(error) => return RowChange::Failed(error),
    };
    match mark {
        None => RowChange::NoLongerParked,
        Some(mark) if mark.code() != row.mark.code() => {
            RowChange::OtherGroup(mark.code().to_owned())
        }
        Some(_) => match change(key).await {
            Ok(true) => RowChange::Changed,
            Ok(false) => RowChange::NoLongerParked,
            Err(error) => RowChange::Failed(error),
        },
    }
}

impl RowChange {
    /// Returns the result if the row was left as it is.
    pub(super) fn why_unchanged(&self) -> Option<String> {
        match self {
            Self::Changed | Self::NoLongerParked => None,
            Self::OtherGroup(code) => Some(format!("left: it is parked again, with {code}")),
            Self::Failed(error) => Some(format!("failed: {error}")),
            Self::NotTried => Some("not tried".to_owned()),
        }
    }
}

impl RowResult {
    pub(super) fn done(key: &RowKey, result: &str) -> Self {
        Self {
            row: key.to_string(),
            result: result.to_owned(),
            next: None,
            is_done: true,
        }
    }

    pub(super) fn left(key: &RowKey, result: String) -> Self {
        Self::waiting(key, result, None)
    }

    /// Returns the result of a row that waits for what the command shows or settles.
    pub(super) fn waiting(key: &RowKey, result: String, next: Option<String>) -> Self {
        Self {
            row: key.to_string(),
            result,
            next,
            is_done: false,
        }
    }
}

impl GroupChange {
    /// Returns what was done to these rows, but not to those that joined the group since.
    pub(super) fn of(action: &'static str, rows: Vec<RowResult>, newer: usize) -> Self {
        Self {
            action,
            done: rows.iter().filter(|row| row.is_done).count(),
            rows,
            newer,
            held_failed: 0,
        }
    }
}

impl Report for GroupChange {
    fn outcome(&self) -> Outcome {
        let is_done = self.done == self.rows.len() && self.newer == 0;
        Outcome::done_if(is_done && self.held_failed == 0)
    }

    fn text(&self) -> Text {
        let all = count(self.rows.len(), "row");
        let mut text = Text::line(format_args!("{} of {all} {}", self.done, self.action));
        for row in &self.rows {
            let mut line = Text::new();
            let result = format!("{}: {}", row.row, row.result);
            match &row.next {
                Some(next) => line.suggest(result, next),
                None => line.add(result),
            }
            text.append_indented(line);
        }
        if self.newer > 0 {
            let newer = count(self.newer, "row");
            text.add(format_args!(
                "{newer} joined the group after it was shown, and left as they are"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use outbox::{Candidate, Parked, Unreadable};

    use super::*;

    fn parked(aggregate_id: &str, second: i64) -> ParkedRow {
        ParkedRow {
            candidate: Candidate {
                key: RowKey {
                    aggregate_id: aggregate_id.to_owned(),
                    position: String::new(),
                },
                row: Err(Unreadable::NewerFormat(9)),
                written_at: None,
            },
            mark: Parked {
                reason: "TooLarge: no".to_owned(),
                at: Timestamp::from_second(second).unwrap(),
            },
        }
    }

    #[test]
    fn a_row_that_joined_the_group_after_it_was_shown_is_left() {
        let rows = vec![parked("a", 1), parked("b", 2), parked("c", 3)];
        let seen = SeenRows::of(rows, Timestamp::from_second(2).unwrap());
        let keys = seen.rows.iter().map(|row| row.key().aggregate_id.as_str());
        assert_eq!((keys.collect::<String>().as_str(), seen.newer), ("ab", 1));
    }
}
