use std::{collections::BTreeSet, path::Path, sync::Arc};

use console::{Style, style};
use dialoguer::Editor;
use outbox::{
    OutboxRow, RowKey,
    relay::Unreadable,
    replay::{ParkedRows, check_detail},
};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Context, Ending, published::Published};
use crate::{error::Error, outbox_parts::OperatorRelay, row_name::RowName};

pub(super) async fn run(
    context: &Context<'_>,
    name: &RowName,
    file: Option<&Path>,
) -> Result<Ending, Error> {
    let relay = context.parts.relay();
    let key = name.find(&relay).await?;
    let row = parked_row(&relay, &key).await?;
    let edited = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(Error::io(format!("reading {}", file.display())))?,
        None => edit(&row)?,
    };
    check_detail(&row, &edited).map_err(|problem| Error::InvalidDetail {
        row: key.to_string(),
        problem: problem.to_string(),
    })?;
    // As it was written: to write JSON anew could change its numbers.
    let detail = edited.trim();
    if detail == row.detail || detail == pretty(&row.detail) {
        return Err(Error::Unedited(key.to_string()));
    }
    show_difference(&pretty(&row.detail), &pretty(detail));

    let replace = || relay.table().replace_detail(&key, &row.detail, detail);
    let is_done = relay.patiently(replace).await.map_err(Error::aws)?;
    if !is_done && !was_done(&relay, &key, detail).await? {
        return Err(Error::Changed(key.to_string()));
    }
    let wanted = BTreeSet::from([key]);
    let published = Published::of(&wanted, &relay.publish_through(&wanted).await);
    context.print(&published);
    Ok(published.ending())
}

async fn parked_row(relay: &OperatorRelay, key: &RowKey) -> Result<Arc<OutboxRow>, Error> {
    let read = || relay.table().read(key);
    let stored = relay.patiently(read).await.map_err(Error::aws)?;
    let stored = stored.ok_or_else(|| Error::NoSuchRow(key.to_string()))?;
    if stored.parked.is_none() {
        return Err(Error::NotParked(key.to_string()));
    }
    let unreadable = |reason: Unreadable| Error::UnreadableRow {
        row: key.to_string(),
        reason: reason.to_string(),
    };
    stored.arrival.row.map_err(unreadable)
}

/// Whether it was done by a call whose answer was lost: the row is pending with
/// the new detail. Of a row that is gone nobody knows with which it was
/// published.
async fn was_done(relay: &OperatorRelay, key: &RowKey, detail: &str) -> Result<bool, Error> {
    let read = || relay.table().read(key);
    let stored = relay.patiently(read).await.map_err(Error::aws)?;
    Ok(stored.is_some_and(|stored| {
        stored.parked.is_none() && stored.arrival.row.is_ok_and(|row| row.detail == detail)
    }))
}

fn edit(row: &OutboxRow) -> Result<String, Error> {
    let edited = Editor::new()
        .extension(".json")
        .edit(&pretty(&row.detail))
        .map_err(|error| match error {
            dialoguer::Error::IO(error) => {
                Error::io("the editor, by $VISUAL or $EDITOR, or take --detail FILE")(error)
            }
        })?;
    // Left without saving.
    edited.ok_or_else(|| Error::Unedited(row.key.to_string()))
}

/// As people edit it. What is no JSON stays as it is, and so does what could not
/// be written anew without a change: 1.50 would become 1.5.
fn pretty(detail: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(detail);
    value
        .ok()
        .filter(|value| value.to_string().len() == detail.len())
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| detail.to_owned())
}

fn show_difference(before: &str, after: &str) {
    let difference = TextDiff::from_lines(before, after);
    for change in difference.iter_all_changes() {
        let (sign, colour) = match change.tag() {
            ChangeTag::Delete => ("-", Style::new().red()),
            ChangeTag::Insert => ("+", Style::new().green()),
            ChangeTag::Equal => (" ", Style::new()),
        };
        let line = format!("{sign} {}", change.value().trim_end_matches('\n'));
        eprintln!("{}", colour.for_stderr().apply_to(line));
    }
    eprintln!(
        "{}",
        style("the row is published with this").for_stderr().bold()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_unless_that_would_change_it() {
        assert_eq!(pretty(r#"{"a":1}"#), "{\n  \"a\": 1\n}");
        for detail in [
            r#"{"a":1.50}"#,
            r#"{"a":1e400}"#,
            r#"{"a": 1}"#,
            r#"{"a":"#,
            "",
        ] {
            assert_eq!(pretty(detail), detail);
        }
    }
}
