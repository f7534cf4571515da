//! What a command would do with a whole group of parked rows, before it does it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    group_table::{self, ShownGroup},
    parked,
    parked_rows::ParkedRow,
};
use crate::{
    context::{Context, Outcome},
    output::{Report, count},
    text::Text,
};

/// How many rows are named. Programs get all.
const MOST_ROWS: usize = 50;

/// What a command would do with a group of parked rows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// Always true: nothing was changed.
    pub(crate) dry_run: bool,
    /// What would be done: `publish` or `discard`.
    pub(crate) action: &'static str,
    /// The rows by code and message, the largest group first.
    pub(crate) groups: Vec<ShownGroup>,
    /// The names of the rows.
    pub(crate) rows: Vec<String>,
    /// The end of what the operator has seen: rows that are parked later aren't part of it.
    #[serde(skip)]
    pub(crate) until: Option<Timestamp>,
    /// The command that does it.
    pub(crate) command: String,
}

impl Preview {
    /// Returns what `command` would do with these rows, and the command that does it.
    pub(super) async fn of(
        context: &Context,
        action: &'static str,
        command: (&str, &[&str]),
        code: &str,
        rows: &[ParkedRow],
    ) -> Self {
        let edits = parked::edits(context, rows).await;
        let until = rows.iter().map(ParkedRow::parked_at).max();
        let typed = until.map_or_else(String::new, |until| until.to_string());
        let (command, options) = command;
        let options = [&["--until", &typed], options].concat();
        Self {
            dry_run: true,
            action,
            groups: ShownGroup::of(ParkedRow::groups(rows), &edits, |_| None),
            rows: rows.iter().map(|row| row.key().to_string()).collect(),
            until,
            command: context.command_for_group(&[command], code, &options),
        }
    }
}

impl Report for Preview {
    fn outcome(&self) -> Outcome {
        Outcome::NeedsAttention
    }

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
        text.add_command(&self.command);
        text
    }
}
