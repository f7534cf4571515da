//! The sources whose events a relay publishes.

use std::collections::BTreeSet;

/// The sources whose events a relay publishes. Without a list, those of all sources.
#[derive(Debug, Default)]
pub(super) struct Sources(Option<BTreeSet<String>>);

impl Sources {
    pub(super) fn only(sources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Some(sources.into_iter().map(Into::into).collect()))
    }

    pub(super) fn contain(&self, source: &str) -> bool {
        self.0.as_ref().is_none_or(|all| all.contains(source))
    }
}
