use std::error::Error;

/// Tells the operator what happened; the caller is told what to do.
pub(crate) fn report(what: &'static str, error: &dyn Error) {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    tracing::error!(%error, ?causes, "{what}");
}
