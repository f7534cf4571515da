//! Why a command is invalid, with one violation per field.

use schemars::JsonSchema;
use serde::Serialize;

/// How many violations are named.
const MOST_NAMED: usize = 20;

/// The error for an invalid command. Its text is for logs, so it quotes nothing of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the order is invalid in {} places", .violations.len() + .more)]
pub struct InvalidOrder {
    /// The first of them, sorted by field: between 1 and 20.
    pub violations: Vec<Violation>,
    /// How many others there are.
    pub more: usize,
}

impl InvalidOrder {
    /// Names the first of these violations.
    pub fn new(mut violations: Vec<Violation>) -> Self {
        let more = violations.len().saturating_sub(MOST_NAMED);
        violations.truncate(MOST_NAMED);
        Self { violations, more }
    }
}

/// An invalid field of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Violation {
    /// The field, as a path in the command's JSON: `items[3].quantity`.
    pub field: String,
    /// What is wrong with it, as text for the caller's user.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl From<garde::Report> for InvalidOrder {
    fn from(report: garde::Report) -> Self {
        let violations = report
            .iter()
            .map(|(path, error)| Violation::new(json_path(&path.to_string()), error.message()))
            .collect();
        Self::new(violations)
    }
}

/// Converts a path of Rust fields to one of JSON fields: `unit_price` is `unitPrice`.
fn json_path(rust_path: &str) -> String {
    let mut parts = rust_path.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut path, part| {
        let mut letters = part.chars();
        path.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        path.extend(letters);
        path
    })
}
