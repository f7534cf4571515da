use std::fmt;

use comfy_table::{Cell, Table, presets::NOTHING};
use serde::Serialize;

use crate::arguments::Format;

/// What a command has to tell, for people by `Display` and for programs as JSON.
pub(crate) trait Report: Serialize + fmt::Display {}

impl<R: Serialize + fmt::Display> Report for R {}

/// Prints a report to standard output.
pub(crate) fn print(report: &impl Report, format: Format) {
    match format {
        Format::Table => println!("{report}"),
        Format::Json => {
            let json = serde_json::to_string_pretty(report);
            println!("{}", json.expect("reports are strings, numbers and lists"));
        }
    }
}

/// A table without a heading.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

/// A table with these columns.
pub(crate) fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = plain_table();
    table.set_header(columns.map(|column| Cell::new(column.to_uppercase())));
    table
}

/// `1 row`, `2 rows`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
