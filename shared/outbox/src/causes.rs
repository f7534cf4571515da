//! An error in one line.

/// Returns an error and its causes, each in its own words. The SDK's
/// `DisplayErrorContext` adds the debug form of all, which fills a page.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup();
    causes.join(": ")
}
