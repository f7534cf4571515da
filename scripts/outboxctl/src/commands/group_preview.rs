//! What a command would do with a whole group of parked rows, before it does it.

use serde::Serialize;

use super::{
    group_table::{self, ShownGroup},
    parked,
    parked_rows::ParkedRow,
};
use crate::{
    context::{Context, Outcome},
    error::Error,
    output::{Report, count},
    text::Text,
};

/// How many rows are named. Programs get all.
const MOST_ROWS: usize = 50;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    dry_run: bool,
    /// What would be done: `publish` or `discard`.
    action: &'static str,
    groups: Vec<ShownGroup>,
    rows: Vec<String>,
    /// The command that does it.
    command: String,
}

/// Shows what `command` would do with these rows, and the command that does it.
pub(super) async fn show(
    context: &Context<'_>,
    action: &'static str,
    command: (&str, &[&str]),
    code: &str,
    rows: &[ParkedRow],
) -> Result<Outcome, Error> {
    let edits = parked::edits(context, rows).await;
    // The end of what the operator sees: rows that are parked later aren't part of it.
    let until = rows.iter().map(ParkedRow::parked_at).max();
    let until = until.map_or_else(String::new, |until| until.to_string());
    let (command, options) = command;
    let options = [&["--until", &until], options].concat();
    context.print(&Preview {
        dry_run: true,
        action,
        groups: ShownGroup::of(ParkedRow::groups(rows), &edits, |_| None),
        rows: rows.iter().map(|row| row.key().to_string()).collect(),
        command: context.command_for_group(&[command], code, &options),
    })?;
    Ok(Outcome::NeedsAttention)
}

impl Report for Preview {
    fn text(&self) -> Text {
        let rows = count(self.rows.len(), "row");
        let mut text = Text::line(format_args!("this would {} {rows}:", self.action));
        text.append(group_table::of_rows(&self.groups));
        text.add("the rows:");
        for row in self.rows.iter().take(MOST_ROWS) {
            text.append_indented(Text::line(row));
        }
        if self.rows.len() > MOST_ROWS {
            let more = count(self.rows.len() - MOST_ROWS, "more row");
            text.append_indented(Text::line(format_args!("and {more}")));
        }
        text.add("nothing was changed; to do it:");
        text.append_indented(Text::line(&self.command));
        text
    }
}
