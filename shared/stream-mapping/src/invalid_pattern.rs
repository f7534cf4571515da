//! Why a pattern of a filter is invalid.

/// The longest pattern in characters ("Filter" in Lambda's API reference).
pub(crate) const MOST_CHARACTERS: usize = 4096;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is too long.
    #[error("it has {0} characters, {MOST_CHARACTERS} are allowed")]
    TooLong(usize),
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON, but not a valid pattern.
    #[error("{field}: {problem}")]
    Shape {
        /// Where, as a path of names.
        field: String,
        /// What is wrong there.
        problem: String,
    },
    /// It has a rule that AWS does not document for Lambda.
    #[error("{field}: {rule:?} is not a rule that AWS documents for Lambda")]
    UnknownRule {
        /// Where, as a path of names.
        field: String,
        /// The rule's name.
        rule: String,
    },
}

/// Returns the error for a pattern with a wrong value at a field.
pub(crate) fn shape(field: &str, problem: &str) -> InvalidPattern {
    InvalidPattern::Shape {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}
