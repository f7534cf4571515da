use serde_json::Value;

use crate::pattern::{InvalidPattern, Pattern};

/// Most patterns one mapping may have: five, or ten where AWS has raised the
/// quota.
const MOST_PATTERNS: usize = 10;

/// `FilterCriteria` of a mapping: a record passes if any pattern matches; with
/// no pattern, every record does.
///
/// See [Control which events Lambda sends to your function][filtering]. Covered
/// is what the page documents: a value equal to a text, number, boolean or
/// `null`; `prefix`, `suffix`, `equals-ignore-case`, `anything-but` with values,
/// `numeric`, `exists`, and `$or`. A rule beyond that is refused by its name.
///
/// Names are joined by dots before they are compared, [as in EventBridge][dots]:
/// a field `a.b` and a field `b` in `a` are the same.
///
/// Numbers of DynamoDB items are text in the record (`{"N": "42"}`), so
/// `numeric` never matches them, [as AWS says][numbers].
///
/// ```
/// use stream_mapping::Filter;
///
/// let filter = Filter::from_patterns([r#"{"eventName": ["INSERT"]}"#])?;
/// # Ok::<(), stream_mapping::InvalidFilter>(())
/// ```
///
/// [filtering]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
/// [dots]: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
/// [numbers]: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    patterns: Vec<Pattern>,
}

/// A filter AWS would refuse, or that AWS does not document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFilter {
    /// There are too many patterns.
    #[error("FilterCriteria must have 0 to {MOST_PATTERNS} filters, not {0}")]
    TooMany(usize),
    /// AWS would refuse a pattern, with the words at the beginning.
    #[error("Invalid filter pattern definition. Filter {pattern}: {reason}")]
    Pattern {
        /// The pattern, as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: InvalidPattern,
    },
    /// A pattern has a rule that AWS does not document for Lambda.
    #[error("filter {pattern}: {reason}")]
    Undocumented {
        /// The pattern, as it was given.
        pattern: String,
        /// The rule, and where it is.
        reason: InvalidPattern,
    },
}

impl InvalidFilter {
    fn of(pattern: &str, reason: InvalidPattern) -> Self {
        let pattern = pattern.to_owned();
        match reason {
            InvalidPattern::UnknownRule { .. } => Self::Undocumented { pattern, reason },
            reason => Self::Pattern { pattern, reason },
        }
    }
}

impl Filter {
    /// A filter of patterns as they stand in the mapping, JSON text each.
    ///
    /// # Errors
    ///
    /// If a pattern is no JSON, or asks for something that AWS does not document
    /// for Lambda.
    pub fn from_patterns<'p>(
        patterns: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, InvalidFilter> {
        let patterns = patterns
            .into_iter()
            .map(|pattern| {
                Pattern::parse(pattern).map_err(|reason| InvalidFilter::of(pattern, reason))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if patterns.len() > MOST_PATTERNS {
            return Err(InvalidFilter::TooMany(patterns.len()));
        }
        Ok(Self { patterns })
    }

    /// Whether a record passes.
    pub fn passes(&self, record: &Value) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(record))
    }
}
