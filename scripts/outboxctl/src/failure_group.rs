//! Groups of parked rows or dead letters with one cause: a code, and a message of one shape.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use outbox::RowKey;
use schemars::JsonSchema;
use serde::Serialize;

use crate::message_shape::message_shape;

/// A parked row or a dead letter, as far as it matters for its group.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Who sent the letter; `None` for a parked row.
    pub(crate) from: Option<&'static str>,
    /// The row or the letter, to be named as the example.
    pub(crate) name: String,
    /// The row, if it is known.
    pub(crate) row: Option<RowKey>,
    /// When the row was parked, or the letter sent.
    pub(crate) at: Option<Timestamp>,
}

/// Rows or letters with one code and one shape of message.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailureGroup {
    /// The code of all of them.
    pub(crate) code: String,
    /// The message of all of them: `…` stands for what differs.
    pub(crate) message: String,
    /// Who sent the letters: `relay`, `Lambda` or `unknown`. Absent for rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<&'static str>,
    /// How many rows or letters.
    pub(crate) count: usize,
    /// How many different rows they are about, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<usize>,
    /// How many aggregates these rows belong to, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aggregates: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// When the first was parked or sent, if that is known.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) first_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// When the last was parked or sent, if that is known.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) last_seen: Option<Timestamp>,
    /// The name of the oldest row, or the id of the oldest letter.
    pub(crate) example: String,
    /// The rows that are known.
    #[serde(skip)]
    pub(crate) keys: BTreeSet<RowKey>,
    /// All rows or letters.
    #[serde(skip)]
    pub(crate) names: Vec<String>,
}

impl FailureGroup {
    /// Groups failures, the largest group first.
    pub(crate) fn of(failures: impl IntoIterator<Item = Failure>) -> Vec<Self> {
        let mut members: BTreeMap<_, Vec<Failure>> = BTreeMap::new();
        for failure in failures {
            let shape = message_shape(&failure.message);
            let key = (failure.code.clone(), shape, failure.from);
            members.entry(key).or_default().push(failure);
        }
        let groups = members
            .into_iter()
            .map(|((code, message, from), members)| Self::with(code, message, from, members));
        let mut groups: Vec<Self> = groups.collect();
        // Stable: groups of one size stay in the order of their codes.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    fn with(
        code: String,
        message: String,
        from: Option<&'static str>,
        mut members: Vec<Failure>,
    ) -> Self {
        members.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.name.cmp(&b.name)));
        let are_all_known = members.iter().all(|member| member.row.is_some());
        let times = || members.iter().filter_map(|member| member.at);
        let (first_seen, last_seen) = (times().min(), times().max());
        let keys: BTreeSet<RowKey> = members.iter().filter_map(|m| m.row.clone()).collect();
        let aggregates: BTreeSet<&str> = keys.iter().map(|row| row.aggregate_id.as_str()).collect();
        let aggregates = are_all_known.then_some(aggregates.len());
        let names: Vec<String> = members.into_iter().map(|member| member.name).collect();
        Self {
            code,
            message,
            from,
            count: names.len(),
            rows: are_all_known.then_some(keys.len()),
            aggregates,
            first_seen,
            last_seen,
            example: names.first().cloned().unwrap_or_default(),
            keys,
            names,
        }
    }
}

/// Returns the codes of the groups, each once.
pub(crate) fn codes(groups: &[FailureGroup]) -> Vec<String> {
    let codes: BTreeSet<&str> = groups.iter().map(|group| group.code.as_str()).collect();
    codes.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str, aggregate: &str, second: i64) -> Failure {
        let row = RowKey {
            aggregate_id: aggregate.to_owned(),
            position: format!("{second:020}#id"),
        };
        Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            from: None,
            name: row.to_string(),
            row: Some(row),
            at: Some(Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn failures_with_one_cause_are_one_group() {
        let groups = FailureGroup::of([
            failure("Undecodable", "`source` is missing", "a", 9),
            failure("TooLarge", "it has 300000 bytes", "b", 4),
            failure("TooLarge", "it has 300001 bytes", "a", 2),
            failure("TooLarge", "it has 300002 bytes", "a", 3),
            failure("Undecodable", "`detail` is missing", "a", 1),
        ]);
        let of: Vec<_> = groups
            .iter()
            .map(|group| (group.code.as_str(), group.message.as_str(), group.count))
            .collect();
        assert_eq!(
            of,
            [
                ("TooLarge", "it has … bytes", 3),
                ("Undecodable", "`detail` is missing", 1),
                ("Undecodable", "`source` is missing", 1),
            ]
        );
        let largest = &groups[0];
        assert_eq!(largest.example, "a/2");
        assert_eq!((largest.rows, largest.aggregates), (Some(3), Some(2)));
        let seconds = [largest.first_seen, largest.last_seen].map(|at| at.unwrap().as_second());
        assert_eq!(seconds, [2, 4]);
        assert_eq!(codes(&groups), ["TooLarge", "Undecodable"]);
    }

    #[test]
    fn letters_about_one_row_are_counted_and_unknown_rows_are_not_guessed() {
        let twice = || failure("TooLarge", "", "a", 1);
        let groups = FailureGroup::of([twice(), twice()]);
        assert_eq!((groups[0].count, groups[0].rows), (2, Some(1)));
        let pointer = Failure {
            row: None,
            at: None,
            ..twice()
        };
        let groups = FailureGroup::of([twice(), pointer]);
        assert_eq!((groups[0].rows, groups[0].aggregates), (None, None));
        assert!(groups[0].first_seen.is_some());
    }

    #[test]
    fn without_failures_there_is_no_group() {
        assert_eq!(FailureGroup::of([]), []);
    }
}
