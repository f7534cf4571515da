//! The filter criteria of a mapping.

use serde_json::Value;

use crate::{invalid_pattern::InvalidPattern, pattern::Pattern};

/// The most patterns of one mapping: five, or ten if AWS has raised the quota.
const MOST_PATTERNS: usize = 10;

/// `FilterCriteria` of a mapping: a record passes if any pattern matches; with
/// no pattern, every record does.
///
/// Supports the rules that AWS documents in [Control which events Lambda sends to
/// your function][filtering]: a value equal to a text, number, boolean or `null`;
/// `prefix`, `suffix`, `equals-ignore-case`, `anything-but` with values, `numeric`,
/// `exists`, and `$or`. Any other rule is rejected by its name.
///
/// Names are joined with dots before they are compared, [as in EventBridge][dots]:
/// a field `a.b` and a field `b` in `a` are equal.
///
/// Numbers of DynamoDB items are text in the record (`{"N": "42"}`), so `numeric`
/// never matches them, [as AWS documents][numbers].
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

/// Why a filter is invalid: AWS would reject it, or does not document it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFilter {
    /// There are too many patterns.
    #[error("FilterCriteria must have 0 to {MOST_PATTERNS} filters, not {0}")]
    TooMany(usize),
    /// AWS would reject a pattern, with a message that begins in the same way.
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
    /// Creates a filter from the mapping's patterns, each as JSON text.
    ///
    /// # Errors
    ///
    /// If there are too many patterns, or if one is not JSON, invalid, or has a rule
    /// that AWS does not document for Lambda.
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

    /// Returns whether a record passes.
    pub fn passes(&self, record: &Value) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(record))
    }
}
