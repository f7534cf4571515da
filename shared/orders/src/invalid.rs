//! Why a command is invalid, with one violation per field.

use std::fmt;

use serde::Serialize;

/// The error for an invalid command, with every violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the order is invalid: {}", join(.violations))]
pub struct InvalidOrder {
    /// At least one, sorted by field.
    pub violations: Vec<Violation>,
}

/// An invalid field of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl From<garde::Report> for InvalidOrder {
    fn from(report: garde::Report) -> Self {
        let violations = report
            .iter()
            .map(|(path, error)| Violation::new(json_path(&path.to_string()), error.message()))
            .collect();
        Self { violations }
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

fn join(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
