//! Tables for people that fit the terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Grid, Width, presets::NOTHING};
use console::{Term, measure_text_width};

use crate::{text::Text, visible::visible};

/// On a terminal narrower than this, a value goes below its name.
const LEAST_FOR_TWO_COLUMNS: u16 = 40;

/// A table with a header. If the rows are too long for the terminal, each becomes a list
/// of its values below its first value: a value to be copied, such as a row's name, is
/// never wrapped.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [&'static str; N]) -> Self {
        let rows = Vec::new();
        Self { columns, rows }
    }

    pub(crate) fn add_row(&mut self, row: [String; N]) {
        // Before it is laid out: escapes take room.
        self.rows
            .push(row.map(|value| visible(&value).into_owned()));
    }

    /// Returns the table for the terminal.
    pub(crate) fn text(&self) -> Text {
        Text::laid_out(&self.fitting(terminal_width()))
    }

    /// Returns the table for a terminal of this width; `None` for any length of lines.
    pub(crate) fn fitting(&self, width: Option<u16>) -> String {
        let mut grid = grid();
        grid.set_header(self.columns.map(str::to_uppercase));
        for row in &self.rows {
            grid.add_row(row);
        }
        let text = grid.trim_fmt();
        if width.is_none_or(|width| fits(&text, width)) {
            return text;
        }
        let rows = self.rows.iter().map(|row| self.listed(row, width));
        rows.collect::<Vec<_>>().join("\n")
    }

    fn listed(&self, row: &[String; N], width: Option<u16>) -> String {
        let mut fields = Fields::default();
        for (column, value) in self.columns.iter().zip(row).skip(1) {
            fields.add(&format!("  {column}"), value);
        }
        format!(" {}\n{}", row[0], fields.fitting(width))
    }
}

/// Names and values, one pair a line. A value too long for the terminal is wrapped in its
/// own column.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<[String; 2]>);

impl Fields {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.push([name.to_owned(), visible(value).into_owned()]);
    }

    /// Returns the fields for the terminal.
    pub(crate) fn text(&self) -> Text {
        Text::laid_out(&self.fitting(terminal_width()))
    }

    fn fitting(&self, width: Option<u16>) -> String {
        let mut grid = grid();
        for field in &self.0 {
            grid.add_row(field);
        }
        let text = grid.trim_fmt();
        match width {
            Some(width) if fits(&text, width) => text,
            None => text,
            Some(width) if width < LEAST_FOR_TWO_COLUMNS => {
                let below = |[name, value]: &[String; 2]| format!(" {name}\n    {value}");
                self.0.iter().map(below).collect::<Vec<_>>().join("\n")
            }
            Some(width) => {
                grid.set_content_arrangement(ContentArrangement::Dynamic)
                    .set_width(width);
                if let Some(names) = grid.column_mut(0) {
                    names.set_constraint(ColumnConstraint::ContentWidth);
                }
                if let Some(values) = grid.column_mut(1) {
                    values.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(1)));
                }
                grid.trim_fmt()
            }
        }
    }
}

fn grid() -> Grid {
    let mut grid = Grid::new();
    grid.load_style(NOTHING);
    grid
}

fn fits(text: &str, width: u16) -> bool {
    text.lines()
        .all(|line| measure_text_width(line) <= usize::from(width))
}

/// Returns the width of standard output, or `None` if it is no terminal: programs and
/// files get lines of any length.
fn terminal_width() -> Option<u16> {
    let (_, columns) = Term::stdout().size_checked()?;
    Some(columns).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "order#019ad0c5-0a4c-7000-8000-000000000001/1";
    const REASON: &str = "RequestRefused: ValidationException: 1 validation error detected: Value at \
         'entries.1.member.detail' failed to satisfy constraint: it is too long";

    fn parked() -> Table<4> {
        let mut table = Table::new(["row", "event", "reason", "since"]);
        let row = [ROW, "OrderCreated", REASON, "2m 5s"];
        table.add_row(row.map(str::to_owned));
        table
    }

    fn longest(text: &str) -> usize {
        text.lines().map(measure_text_width).max().unwrap_or(0)
    }

    #[test]
    fn a_table_that_fits_is_a_table() {
        let mut table = Table::new(["row", "age"]);
        table.add_row(["order#42/7", "2m"].map(str::to_owned));
        let expected = " ROW         AGE\n order#42/7  2m";
        assert_eq!(table.fitting(Some(80)), expected);
        assert_eq!(table.fitting(None), expected);
    }

    #[test]
    fn a_value_can_neither_forge_a_row_nor_command_the_terminal() {
        let mut table = Table::new(["row", "age"]);
        table.add_row(["a\n order#1/1\u{1b}[2J", "\u{202e}2m"].map(str::to_owned));
        let shown = r" ROW                     AGE
 a\n order#1/1\u{1b}[2J  \u{202e}2m";
        assert_eq!(table.fitting(Some(80)), shown);
        let mut fields = Fields::default();
        fields.add("relay", "OK\nall is well");
        assert_eq!(fields.text().to_string(), r" relay  OK\nall is well");
    }

    #[test]
    fn nothing_is_wrapped_without_a_terminal() {
        let text = parked().fitting(None);
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(REASON));
    }

    #[test]
    fn a_table_too_wide_for_the_terminal_becomes_lists() {
        for width in [60, 80, 100] {
            let text = parked().fitting(Some(width));
            assert!(longest(&text) <= usize::from(width), "{width}:\n{text}");
            assert!(text.contains(&format!(" {ROW}\n")), "{width}:\n{text}");
            assert!(
                text.contains("   event   OrderCreated\n"),
                "{width}:\n{text}"
            );
            let words: Vec<&str> = text.split_whitespace().collect();
            assert!(words.join(" ").contains(REASON), "{width}:\n{text}");
        }
    }

    #[test]
    fn on_a_narrow_terminal_values_go_below_their_names() {
        let text = parked().fitting(Some(30));
        assert!(text.contains("   event\n    OrderCreated\n"), "{text}");
        assert!(text.contains(REASON), "left to the terminal: {text}");
    }

    #[test]
    fn long_fields_are_wrapped_in_their_column() {
        let mut fields = Fields::default();
        fields.add("relay", REASON);
        fields.add("sweeper", "ENABLED");
        assert_eq!(fields.fitting(None).lines().count(), 2);
        let text = fields.fitting(Some(80));
        assert!(longest(&text) <= 80, "{text}");
        assert!(
            text.lines().nth(1).unwrap().starts_with("          "),
            "{text}"
        );
        assert!(text.ends_with(" sweeper  ENABLED"), "{text}");
    }
}
