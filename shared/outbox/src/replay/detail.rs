//! The check of a `detail` that an operator has edited.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{OutboxRow, event::string, json_problem, json_text::examine, limits};

/// A `detail` that can't be published, or that would be another event; see [`check_detail`] for
/// an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDetail(String);

/// Checks a new `detail` for a row: it must be a JSON object that fits into the row, and
/// still name the same event.
///
/// ```
/// use outbox::{OutboxRow, replay::check_detail};
///
/// fn save(row: &OutboxRow, edited: &str) -> Result<(), String> {
///     check_detail(row, edited).map_err(|invalid| format!("not saved: {invalid}"))?;
///     // ...
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// What is wrong with it.
pub fn check_detail(row: &OutboxRow, detail: &str) -> Result<(), InvalidDetail> {
    let invalid = |problem: String| Err(InvalidDetail(problem));
    // Only its syntax is checked: JSON allows numbers that no type here can hold.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(detail) {
        return invalid(format!("it is not JSON: {}", json_problem(&error)));
    }
    if !detail.trim_start().starts_with('{') {
        return invalid("it is not a JSON object".to_owned());
    }
    let examined = examine(detail);
    if let Some(place) = examined.invalid_string {
        return invalid(format!(
            "{} stands for no text: consumers could not read it",
            place.trim_start_matches('.')
        ));
    }
    // The envelope is one level around the data.
    if examined.depth > limits::MAX_EVENT_DEPTH + 1 {
        return invalid(format!(
            "it is nested {} deep, at most {} levels are allowed",
            examined.depth,
            limits::MAX_EVENT_DEPTH + 1
        ));
    }
    let found: Identity<'_> = match serde_json::from_str(detail) {
        Ok(found) => found,
        Err(error) => {
            let problem = json_problem(&error);
            return invalid(format!("consumers would read it differently: {problem}"));
        }
    };
    for (name, found, expected) in [
        ("id", found.id, row.event_id.to_string()),
        ("source", found.source, row.source.clone()),
        ("type", found.event_type, row.detail_type.clone()),
        ("subject", found.subject, row.key.aggregate_id.clone()),
    ] {
        if found.and_then(string) != Some(expected.clone()) {
            return invalid(format!(
                "its {name:?} must stay {expected:?}: consumers identify the event by it"
            ));
        }
    }
    // A row that was committed with more has room for as much.
    let most = limits::MAX_EDITED_BYTES.max(row.detail.len());
    if detail.len() > most {
        return invalid(format!(
            "the event has {} bytes, its row takes {most}",
            detail.len()
        ));
    }
    Ok(())
}

/// The members of a detail by which consumers identify the event.
#[derive(Deserialize)]
struct Identity<'d> {
    #[serde(borrow)]
    id: Option<&'d RawValue>,
    source: Option<&'d RawValue>,
    #[serde(rename = "type")]
    event_type: Option<&'d RawValue>,
    subject: Option<&'d RawValue>,
}
