//! Logging of errors with their causes.

use std::error::Error;

/// Logs an error with all of its causes, for the operator. The response to the
/// caller contains no causes.
pub(crate) fn log_error(what: &'static str, error: &dyn Error) {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    tracing::error!(%error, ?causes, "{what}");
}
