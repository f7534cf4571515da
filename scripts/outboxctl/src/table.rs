//! Tables for people that fit the terminal.

use comfy_table::{Table as Grid, presets::NOTHING};
use console::measure_text_width;

use crate::{
    terminal_width::of_standard_output, text::Text, visible::visible, wrap::wrapped_and_broken,
};

/// On a terminal narrower than this, a value goes below its name.
const LEAST_FOR_TWO_COLUMNS: usize = 40;

/// How far a value below its name is indented.
const BELOW: &str = "    ";

/// A table with a header. If the rows are too long for the terminal, each becomes a list
/// of its values below its first value: a value to be copied, such as a row's name, is
/// never broken if the terminal has room for it.
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
        Text::laid_out(&self.fitting(of_standard_output()))
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
            if !value.is_empty() {
                fields.add(&format!("  {column}"), value);
            }
        }
        let first = match width {
            Some(width) => wrapped_and_broken(&row[0], width.into(), (" ", BELOW)),
            None => format!(" {}", row[0]),
        };
        format!("{first}\n{}", fields.fitting(width))
    }
}

/// Names and values, one pair a line. A value too long for the terminal is wrapped in its
/// own column, or below its name if it has a word that only fits there.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<[String; 2]>);

impl Fields {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.push([name.to_owned(), visible(value).into_owned()]);
    }

    /// Returns the fields for the terminal.
    pub(crate) fn text(&self) -> Text {
        Text::laid_out(&self.fitting(of_standard_output()))
    }

    fn fitting(&self, width: Option<u16>) -> String {
        let mut grid = grid();
        for field in &self.0 {
            grid.add_row(field);
        }
        let text = grid.trim_fmt();
        match width {
            Some(width) if !fits(&text, width) => self.wrapped(width.into()),
            _ => text,
        }
    }

    fn wrapped(&self, width: usize) -> String {
        let names = self.0.iter().map(|[name, _]| measure_text_width(name));
        let names = names.max().unwrap_or(0);
        let indent = " ".repeat(names + 3);
        let fields = self.0.iter().map(|[name, value]| {
            if width < LEAST_FOR_TWO_COLUMNS || is_better_below(value, width, names) {
                let value = wrapped_and_broken(value, width, (BELOW, BELOW));
                return format!(" {name}\n{value}");
            }
            wrapped_and_broken(value, width, (&format!(" {name:<names$}  "), &indent))
        });
        fields.collect::<Vec<_>>().join("\n")
    }
}

/// Returns whether a word of the value fits below the name, but not beside names of this width.
fn is_better_below(value: &str, width: usize, names: usize) -> bool {
    let (below, beside) = (width - BELOW.len(), width.saturating_sub(names + 3));
    let mut words = value.split(' ').map(measure_text_width);
    words.any(|word| beside < word && word <= below)
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
    fn a_list_has_no_names_without_a_value() {
        let mut table = Table::new(["row", "event", "held behind"]);
        table.add_row([ROW, "OrderCreated", ""].map(str::to_owned));
        let expected = format!(" {ROW}\n   event  OrderCreated");
        assert_eq!(table.fitting(Some(50)), expected);
    }

    #[test]
    fn on_a_narrow_terminal_values_go_below_their_names() {
        let text = parked().fitting(Some(30));
        assert!(text.contains("   event\n    OrderCreated\n"), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(REASON), "{text}");
    }

    #[test]
    fn a_name_that_does_not_fit_beside_goes_below() {
        let mut fields = Fields::default();
        fields.add("held", &format!("12 behind {ROW}, TooLarge"));
        fields.add("dead letters", "none");
        let expected =
            format!(" held\n    12 behind\n    {ROW},\n    TooLarge\n dead letters  none");
        assert_eq!(fields.fitting(Some(50)), expected);
        let text = fields.fitting(Some(62));
        assert!(text.starts_with(" held          12 behind\n"), "{text}");
        assert!(text.contains(&format!("\n               {ROW},")), "{text}");
    }

    #[test]
    fn only_a_word_longer_than_the_terminal_is_broken() {
        let mut fields = Fields::default();
        fields.add("row", &ROW.repeat(3));
        let text = fields.fitting(Some(60));
        assert!(longest(&text) <= 60, "{text}");
        assert_eq!(
            text.split_whitespace().skip(1).collect::<String>(),
            ROW.repeat(3)
        );
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
