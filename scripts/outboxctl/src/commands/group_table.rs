//! Groups of parked rows or dead letters, as lists and previews show them.

use jiff::Timestamp;
use outbox::ports::CallError;
use schemars::JsonSchema;
use serde::Serialize;

use super::edits::{EditedRows, Edits};
use crate::{age, failure_group::FailureGroup, output::count, table::Table, text::Text};

/// How many groups are shown. Programs get all.
const MOST_GROUPS: usize = 50;

/// A group, and what was done about it before.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownGroup {
    #[serde(flatten)]
    pub(crate) group: FailureGroup,
    /// The edits of its rows in the past 30 days; absent if the rows or their edits are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<EditedRows>,
    /// The most often that one of its letters was received before. Absent for rows, and if SQS
    /// doesn't say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    received_before: Option<u64>,
}

impl ShownGroup {
    /// Combines groups with the edits of their rows. `received` returns how often a letter was
    /// received before.
    pub(crate) fn of(
        groups: Vec<FailureGroup>,
        edits: &Result<Edits, CallError>,
        received: impl Fn(&str) -> Option<u64>,
    ) -> Vec<Self> {
        let shown = groups.into_iter().map(|group| Self {
            edited: edits
                .as_ref()
                .ok()
                .filter(|_| group.rows.is_some())
                .map(|edits| edits.of_group(&group)),
            received_before: group.names.iter().filter_map(|name| received(name)).max(),
            group,
        });
        shown.collect()
    }

    pub(crate) fn code(&self) -> &str {
        &self.group.code
    }

    pub(crate) fn edited(&self) -> String {
        self.edited.as_ref().map_or_else(unknown, EditedRows::text)
    }

    pub(crate) fn received(&self) -> String {
        self.received_before.map_or_else(unknown, |times| {
            let is_one = self.group.count == 1;
            let before = count(usize::try_from(times).unwrap_or(usize::MAX), "time");
            format!("{}{before} before", if is_one { "" } else { "up to " })
        })
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn number(number: Option<usize>) -> String {
    number.map_or_else(unknown, |number| number.to_string())
}

fn ago(at: Option<Timestamp>) -> String {
    at.map_or_else(unknown, |at| format!("{} ago", age::age(at)))
}

/// Returns groups of parked rows as a table.
pub(super) fn of_rows(groups: &[ShownGroup]) -> Text {
    with_others(row_table(groups).text(), groups)
}

fn row_table(groups: &[ShownGroup]) -> Table<8> {
    let mut table = Table::new([
        "code",
        "rows",
        "aggregates",
        "first",
        "last",
        "edited",
        "example",
        "message",
    ]);
    for shown in groups.iter().take(MOST_GROUPS) {
        let group = &shown.group;
        table.add_row([
            group.code.clone(),
            group.count.to_string(),
            number(group.aggregates),
            ago(group.first_seen),
            ago(group.last_seen),
            shown.edited(),
            group.example.clone(),
            group.message.clone(),
        ]);
    }
    table
}

/// Returns groups of dead letters as a table.
pub(super) fn of_letters(groups: &[ShownGroup]) -> Text {
    with_others(letter_table(groups).text(), groups)
}

fn letter_table(groups: &[ShownGroup]) -> Table<11> {
    let mut table = Table::new([
        "code",
        "from",
        "letters",
        "rows",
        "aggregates",
        "first",
        "last",
        "received",
        "edited",
        "example",
        "message",
    ]);
    for shown in groups.iter().take(MOST_GROUPS) {
        let group = &shown.group;
        table.add_row([
            group.code.clone(),
            group.from.unwrap_or_default().to_owned(),
            group.count.to_string(),
            number(group.rows),
            number(group.aggregates),
            ago(group.first_seen),
            ago(group.last_seen),
            shown.received(),
            shown.edited(),
            group.example.clone(),
            group.message.clone(),
        ]);
    }
    table
}

fn with_others(mut text: Text, groups: &[ShownGroup]) -> Text {
    if groups.len() > MOST_GROUPS {
        let others = count(groups.len() - MOST_GROUPS, "smaller group");
        text.add(format_args!("and {others}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::*;
    use crate::failure_group::Failure;

    fn shown(code: &str, message: &str) -> ShownGroup {
        let failures = (1..=12).map(|letter| Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            from: Some("relay"),
            name: format!("order#019ad0c5-0a4c-7000-8000-{letter:012}/1"),
            row: None,
            at: Some(Timestamp::now()),
        });
        let groups = FailureGroup::of(failures);
        let edits = Ok(Edits::default());
        ShownGroup::of(groups, &edits, |id| Some(id.len() as u64)).remove(0)
    }

    #[test]
    fn groups_fit_80_columns_whatever_they_contain() {
        let hostile = "\u{1b}[2J\n order#1/1  FORGED\u{202e}".repeat(20);
        let message = "the event has 300000 bytes, the bus takes 100000 ".repeat(4);
        let groups = [shown("TooLarge", &message), shown(&hostile[..20], &hostile)];
        for text in [
            row_table(&groups).fitting(Some(80)),
            letter_table(&groups).fitting(Some(80)),
        ] {
            assert!(
                text.lines().all(|line| measure_text_width(line) <= 80),
                "{text}"
            );
            assert!(text.starts_with(" TooLarge\n"), "{text}");
            assert!(text.contains("   example     order#019ad0c5-"), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
            let forged = |line: &str| line.starts_with(" order#1");
            assert!(!text.lines().any(forged), "{text}");
        }
        let letters = letter_table(&groups).fitting(Some(80));
        assert!(
            letters.contains("   received    up to 44 times before\n"),
            "{letters}"
        );
        assert!(letters.contains("   rows        unknown\n"), "{letters}");
    }

    #[test]
    fn what_is_unknown_is_said() {
        let denied = Err(CallError::Configuration("denied".to_owned()));
        let failure = Failure {
            code: "TooLarge".to_owned(),
            message: String::new(),
            from: None,
            name: "a/1".to_owned(),
            row: None,
            at: None,
        };
        let shown = ShownGroup::of(FailureGroup::of([failure]), &denied, |_| None);
        let shown = &shown[0];
        assert_eq!((shown.edited(), shown.received()), (unknown(), unknown()));
        assert_eq!(ago(None), "unknown");
    }
}
