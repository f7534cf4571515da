//! The difference between two details, a line for each value.

use console::Style;
use similar::{ChangeTag, TextDiff};

use crate::{
    json_layout::{is_json, laid_out},
    text::Text,
};

/// Every change that will be published.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Only white space between values changes: the sizes in bytes.
    WhiteSpace {
        before: usize,
        after: usize,
    },
    Lines(Vec<DifferenceLine>),
}

/// A line of the detail before or after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DifferenceLine {
    /// `-` before, `+` after, a space for both.
    pub(crate) sign: char,
    pub(crate) line: String,
}

impl Difference {
    pub(crate) fn between(before: &str, after: &str) -> Self {
        let (old, new) = (for_people(before), for_people(after));
        if old == new {
            let (before, after) = (before.len(), after.len());
            return Self::WhiteSpace { before, after };
        }
        let changes = TextDiff::from_lines(&old, &new);
        let lines = changes.iter_all_changes().map(|change| DifferenceLine {
            sign: match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            },
            line: change.value().trim_end_matches('\n').to_owned(),
        });
        Self::Lines(lines.collect())
    }

    /// Returns the difference for a terminal.
    pub(crate) fn text(&self) -> Text {
        let lines = match self {
            Self::WhiteSpace { before, after } => {
                return Text::line(format_args!(
                    "only white space between values changes: {before} bytes become {after}"
                ));
            }
            Self::Lines(lines) => lines,
        };
        let mut text = Text::new();
        for DifferenceLine { sign, line } in lines {
            let colour = match sign {
                '-' => Style::new().red(),
                '+' => Style::new().green(),
                _ => Style::new(),
            };
            text.add_content(&colour.for_stderr(), format_args!("{sign} {line}"));
        }
        text.add_styled(
            &Style::new().for_stderr().bold(),
            "the row is published with these changes",
        );
        text
    }
}

/// Returns a detail with a line for each value.
pub(crate) fn for_people(detail: &str) -> String {
    if is_json(detail) {
        laid_out(detail)
    } else {
        detail.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> String {
        let text = Difference::between(before, after).text().to_string();
        console::strip_ansi_codes(&text).into_owned()
    }

    #[test]
    fn a_change_of_white_space_or_control_characters_is_shown() {
        assert_eq!(
            shown("{\"a\": 1}", "{\"a\":1}"),
            "only white space between values changes: 8 bytes become 7"
        );
        assert!(shown(r#"{"a":1}"#, r#"{"a":1.0}"#).contains("+   \"a\": 1.0"));
        assert!(shown("\u{1b}[2J", r#"{"a":1}"#).contains("- \\u{1b}[2J"));
    }
}
