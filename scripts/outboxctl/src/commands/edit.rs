//! `edit`: replaces the detail of a parked row, and publishes the row.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use jiff::Timestamp;
use outbox::{
    OutboxRow, RowKey, Unreadable,
    ports::{Edit, ParkedRows},
    replay::check_detail,
};

use super::{difference::Difference, find_row::find_row, published::Published};
use crate::{
    context::Context,
    editor::{Draft, Editor},
    error::Error,
    json_layout::{compact, is_json, laid_out},
    operator::Operator,
    outbox_parts::OperatorRelay,
    row_name::RowName,
    text::Text,
};

/// Lets the operator edit the detail of a parked row, in an editor or in this file, and publishes
/// the row.
pub(crate) async fn edit(
    context: &Context,
    operator: &dyn Operator,
    name: &RowName,
    file: Option<&Path>,
) -> Result<Published, Error> {
    let row = parked_row(context, name).await?;
    if let Some(file) = file {
        let edited = std::fs::read_to_string(file)
            .map_err(Error::io(format!("reading {}", file.display())))?;
        return publish_edited(context, operator, &row, &edited).await;
    }
    let editor = Editor::of_environment()?;
    let draft = Draft::new(&for_editing(&row.detail))?;
    let published = match editor.edit(&draft) {
        Ok(edited) => publish_edited(context, operator, &row, &edited).await,
        Err(error) => Err(error),
    };
    match published {
        Ok(published) => {
            draft.remove();
            Ok(published)
        }
        Err(Error::Unedited(row)) => {
            draft.remove();
            Err(Error::Unedited(row))
        }
        Err(error) => Err(draft.keep(&row.key.to_string(), error)),
    }
}

/// Replaces the row's detail with the edited one, and publishes the row.
pub(crate) async fn publish_edited(
    context: &Context,
    operator: &dyn Operator,
    row: &OutboxRow,
    edited: &str,
) -> Result<Published, Error> {
    let relay = &context.parts.relay();
    let key = &row.key;
    let detail = &checked_detail(row, edited)?;
    operator.note(Difference::between(&row.detail, detail).text());
    let edit = Edit {
        by: context.deployment.account.caller.clone(),
        at: Timestamp::now(),
        seen: row.detail.clone(),
        detail: detail.clone(),
    };
    let replace = || relay.table().replace_detail(key, &edit);
    // Replaces the detail only if the row is still as it was shown to the operator.
    let is_done = relay.patiently(replace).await.map_err(Error::aws)?;
    if !is_done && !was_done(relay, key, detail).await? {
        return Err(Error::Changed(key.to_string()));
    }
    let mut kept = Text::new();
    let history = context.command_for(&["history"], &key.to_string(), &[]);
    kept.suggest("the row as it was is kept for 30 days", &history);
    operator.note(kept);
    let wanted = BTreeSet::from([key.clone()]);
    let through = relay.publish_rows(&wanted).await;
    Ok(Published::of(&wanted, &through, context))
}

/// Returns the detail that would be published.
///
/// # Errors
///
/// If nothing was edited, or the bus would reject the detail.
pub(crate) fn checked_detail(row: &OutboxRow, edited: &str) -> Result<String, Error> {
    let detail = edited_detail(&row.detail, edited);
    if detail == row.detail {
        return Err(Error::Unedited(row.key.to_string()));
    }
    check_detail(row, &detail).map_err(|problem| Error::InvalidDetail {
        row: row.key.to_string(),
        problem: problem.to_string(),
    })?;
    Ok(detail)
}

/// Reads a row that is parked and can be parsed.
pub(crate) async fn parked_row(context: &Context, name: &RowName) -> Result<Arc<OutboxRow>, Error> {
    let relay = context.parts.relay();
    let key = &find_row(&relay, name).await?;
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
    stored.candidate.row.map_err(unreadable)
}

/// Returns whether an earlier call whose response was lost has replaced the detail: then
/// the row is pending with the new detail. A row that is gone doesn't count, because it
/// may have been published with either detail.
async fn was_done(relay: &OperatorRelay, key: &RowKey, detail: &str) -> Result<bool, Error> {
    let read = || relay.table().read(key);
    let stored = relay.patiently(read).await.map_err(Error::aws)?;
    Ok(stored.is_some_and(|stored| {
        stored.parked.is_none() && stored.candidate.row.is_ok_and(|row| row.detail == detail)
    }))
}

/// Returns the detail for the editor: a line for each value. Only white space is added,
/// and removed again afterwards. A detail that has white space already, or is no JSON,
/// stays unchanged.
pub(crate) fn for_editing(detail: &str) -> String {
    if is_compact_json(detail) {
        laid_out(detail)
    } else {
        detail.to_owned()
    }
}

/// Returns the detail to be published. Everything that was not edited keeps its bytes.
fn edited_detail(before: &str, edited: &str) -> String {
    if is_compact_json(before) && is_json(edited) {
        return compact(edited);
    }
    // Editors end a file with a line break.
    let without = edited.strip_suffix('\n');
    let without = without.map(|text| text.strip_suffix('\r').unwrap_or(text));
    match without {
        Some(text) if !before.ends_with('\n') => text.to_owned(),
        _ => edited.to_owned(),
    }
}

fn is_compact_json(text: &str) -> bool {
    is_json(text) && compact(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and strings that a parser would change.
    const COMPACT: &str = r#"{"ratio":98.88339545701953,"wrong":1,"big":123456789012345678901234567890,"huge":1e400,"one":1.0,"text":"\u00e9\/ ","twice":1,"twice":2}"#;

    fn shown(before: &str, after: &str) -> String {
        let text = Difference::between(before, after).text().to_string();
        console::strip_ansi_codes(&text).into_owned()
    }

    #[test]
    fn unedited_values_are_published_byte_for_byte() {
        let text = for_editing(COMPACT);
        assert!(
            text.contains("\n  \"ratio\": 98.88339545701953,\n"),
            "{text}"
        );
        let edited = text.replace("\"wrong\": 1", "\"wrong\": 2") + "\n";
        let published = edited_detail(COMPACT, &edited);
        assert_eq!(published, COMPACT.replace("\"wrong\":1", "\"wrong\":2"));
        let shown = shown(COMPACT, &published);
        let changes: Vec<&str> = shown
            .lines()
            .filter(|line| line.starts_with(['-', '+']))
            .collect();
        assert_eq!(changes, ["-   \"wrong\": 1,", "+   \"wrong\": 2,"]);
    }

    #[test]
    fn a_detail_that_was_only_saved_is_unchanged() {
        for detail in [
            COMPACT,
            r#"{"a": 1}"#,
            "{\n  \"a\": 1.50\n}",
            "{\"a\":1}\n",
            r#"{"a":"#,
            "",
        ] {
            let text = for_editing(detail);
            let with_line_break = if text.ends_with('\n') {
                text.clone()
            } else {
                format!("{text}\n")
            };
            for saved in [&text, &with_line_break] {
                assert_eq!(edited_detail(detail, saved), detail);
            }
        }
    }
}
