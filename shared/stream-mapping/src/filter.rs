use serde_json::Value;

/// `FilterCriteria` of a mapping: a record passes if any pattern matches.
///
/// Patterns may ask for values of `eventName`, nothing else yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names that pass, one list a pattern; no list lets everything pass.
    event_names: Vec<Vec<String>>,
}

/// A pattern this crate cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("only filters like {{\"eventName\": [\"INSERT\"]}} are supported, not {0}")]
pub struct UnsupportedFilter(String);

impl Filter {
    /// A filter of patterns as they stand in the mapping, JSON text each.
    ///
    /// # Errors
    ///
    /// If a pattern asks for anything but values of `eventName`.
    pub fn from_patterns<'p>(
        patterns: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, UnsupportedFilter> {
        let event_names = patterns
            .into_iter()
            .map(|pattern| {
                event_names(pattern).ok_or_else(|| UnsupportedFilter(pattern.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { event_names })
    }

    pub(crate) fn passes(&self, event_name: &str) -> bool {
        self.event_names.is_empty()
            || self
                .event_names
                .iter()
                .any(|names| names.iter().any(|name| name == event_name))
    }
}

fn event_names(pattern: &str) -> Option<Vec<String>> {
    let pattern: Value = serde_json::from_str(pattern).ok()?;
    let fields = pattern.as_object()?;
    let names = fields.get("eventName")?.as_array()?;
    if fields.len() != 1 || names.is_empty() {
        return None;
    }
    names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_passes_if_any_pattern_matches() {
        let filter = Filter::from_patterns([
            r#"{"eventName": ["INSERT"]}"#,
            r#"{"eventName": ["MODIFY", "REMOVE"]}"#,
        ]);
        let filter = filter.unwrap();
        assert!(filter.passes("INSERT") && filter.passes("REMOVE"));
        let inserts = Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap();
        assert!(inserts.passes("INSERT") && !inserts.passes("MODIFY"));
        assert!(Filter::default().passes("MODIFY"));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        for pattern in [
            "",
            "{}",
            r#"{"eventName": "INSERT"}"#,
            r#"{"eventName": []}"#,
            r#"{"eventName": [{"prefix": "I"}]}"#,
            r#"{"eventName": ["INSERT"], "dynamodb": {}}"#,
        ] {
            let error = Filter::from_patterns([pattern]).unwrap_err();
            assert_eq!(error, UnsupportedFilter(pattern.to_owned()));
        }
    }
}
