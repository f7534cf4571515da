//! Tables in Markdown.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// Returns a table with these column headings and no rows.
pub(crate) fn table(header: impl IntoIterator<Item = impl Into<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(header.into_iter().map(Into::into));
    table
}
