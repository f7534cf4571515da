//! One pattern of a filter. The crates there are for EventBridge patterns know
//! rules that Lambda does not document, and lack `$or`.

use serde_json::{Map, Number, Value};

/// Longest pattern, in characters ("Filter" in Lambda's API reference).
const MOST_CHARACTERS: usize = 4096;

/// Numbers a `numeric` rule may hold.
const NUMBERS: std::ops::RangeInclusive<f64> = -5e9..=5e9;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is too long.
    #[error("it has {0} characters, {MOST_CHARACTERS} are allowed")]
    TooLong(usize),
    /// It is not JSON.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// It is JSON of another shape.
    #[error("{field}: {problem}")]
    Shape {
        /// Where, as a path of names.
        field: String,
        /// What is wrong there.
        problem: String,
    },
    /// A rule that Lambda does not document.
    #[error("{field}: {rule:?} is no rule that AWS documents for Lambda")]
    UnknownRule {
        /// Where, as a path of names.
        field: String,
        /// The rule's name.
        rule: String,
    },
}

/// Fields that must all match.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    fields: Vec<(String, Field)>,
    /// Each `$or`: one of its patterns must match.
    alternatives: Vec<Vec<Pattern>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Nested(Pattern),
    /// One of them must match.
    Rules(Vec<Rule>),
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    /// All comparisons must hold.
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let characters = text.chars().count();
        if characters > MOST_CHARACTERS {
            return Err(InvalidPattern::TooLong(characters));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| InvalidPattern::NotJson(error.to_string()))?;
        match json {
            Value::Object(fields) => pattern(&fields, ""),
            _ => Err(shape("the pattern", "must be an object")),
        }
    }

    pub(crate) fn matches(&self, value: &Value) -> bool {
        match value {
            // Any element may match, but one must match whole.
            Value::Array(elements) => elements.iter().any(|element| self.matches(element)),
            _ => {
                self.fields
                    .iter()
                    .all(|(name, field)| field.matches(value.get(name)))
                    && self
                        .alternatives
                        .iter()
                        .all(|patterns| patterns.iter().any(|pattern| pattern.matches(value)))
            }
        }
    }
}

impl Field {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Nested(pattern) => pattern.matches(value.unwrap_or(&Value::Null)),
            Self::Rules(rules) => {
                let leaves = leaves(value);
                rules.iter().any(|rule| rule.matches(&leaves))
            }
        }
    }
}

/// The values a rule is held against: rules apply to leaves alone.
fn leaves(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(elements)) => elements
            .iter()
            .flat_map(|element| leaves(Some(element)))
            .collect(),
        Some(leaf) => vec![leaf],
    }
}

impl Rule {
    fn matches(&self, leaves: &[&Value]) -> bool {
        match self {
            Self::Exists(wanted) => leaves.is_empty() != *wanted,
            rule => leaves.iter().any(|leaf| rule.matches_leaf(leaf)),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        let text = leaf.as_str();
        match self {
            Self::Equals(value) => leaf == value,
            Self::EqualsIgnoreCase(wanted) => {
                text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase())
            }
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(values) => !values.contains(leaf),
            Self::Numeric(comparisons) => leaf.as_f64().is_some_and(|number| {
                comparisons
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    #[expect(clippy::float_cmp, reason = "equal is what the rule asks for")]
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

fn pattern(json: &Map<String, Value>, path: &str) -> Result<Pattern, InvalidPattern> {
    if json.is_empty() {
        let path = if path.is_empty() { "the pattern" } else { path };
        return Err(shape(path, "must have a field"));
    }
    let mut fields = Vec::new();
    let mut alternatives = Vec::new();
    for (name, value) in json {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Array(patterns) if name == "$or" => {
                alternatives.push(either(patterns, &path)?);
            }
            _ if name == "$or" => return Err(shape(&path, "must be a list of patterns")),
            Value::Object(nested) => {
                fields.push((name.clone(), Field::Nested(pattern(nested, &path)?)));
            }
            Value::Array(rules) => fields.push((name.clone(), Field::Rules(list(rules, &path)?))),
            _ => return Err(shape(&path, "must be a list of rules or an object")),
        }
    }
    Ok(Pattern {
        fields,
        alternatives,
    })
}

fn either(patterns: &[Value], path: &str) -> Result<Vec<Pattern>, InvalidPattern> {
    if patterns.len() < 2 {
        return Err(shape(path, "must have two patterns or more"));
    }
    patterns
        .iter()
        .map(|alternative| match alternative {
            Value::Object(fields) => pattern(fields, path),
            _ => Err(shape(path, "must be a list of patterns")),
        })
        .collect()
}

fn list(rules: &[Value], path: &str) -> Result<Vec<Rule>, InvalidPattern> {
    if rules.is_empty() {
        return Err(shape(path, "must have a rule"));
    }
    rules.iter().map(|value| rule(value, path)).collect()
}

fn rule(json: &Value, path: &str) -> Result<Rule, InvalidPattern> {
    let fields = match json {
        Value::Object(fields) => fields,
        Value::Array(_) => return Err(shape(path, "must not have a list as a rule")),
        value => return Ok(Rule::Equals(value.clone())),
    };
    let mut named = fields.iter();
    let (Some((name, value)), None) = (named.next(), named.next()) else {
        return Err(shape(path, "a rule must have one name"));
    };
    let text = || match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(unknown_unless_scalar(path, name, value, "a text")),
    };
    Ok(match name.as_str() {
        "equals-ignore-case" => Rule::EqualsIgnoreCase(text()?),
        "prefix" => Rule::Prefix(text()?),
        "suffix" => Rule::Suffix(text()?),
        "anything-but" => Rule::AnythingBut(values(value, path)?),
        "numeric" => Rule::Numeric(comparisons(value, path)?),
        "exists" => match value.as_bool() {
            Some(wanted) => Rule::Exists(wanted),
            None => return Err(shape(path, "exists must be true or false")),
        },
        _ => {
            return Err(InvalidPattern::UnknownRule {
                field: path.to_owned(),
                rule: name.clone(),
            });
        }
    })
}

/// EventBridge nests rules (`{"prefix": {"equals-ignore-case": ..}}`), Lambda
/// does not document that.
fn unknown_unless_scalar(path: &str, name: &str, value: &Value, wanted: &str) -> InvalidPattern {
    match value.as_object().and_then(|nested| nested.keys().next()) {
        Some(nested) => InvalidPattern::UnknownRule {
            field: path.to_owned(),
            rule: format!("{name} {nested}"),
        },
        None => shape(path, &format!("{name} must be {wanted}")),
    }
}

fn values(value: &Value, path: &str) -> Result<Vec<Value>, InvalidPattern> {
    let values = match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    let of_one_kind = values.iter().all(Value::is_string) || values.iter().all(Value::is_number);
    if values.is_empty() || !of_one_kind {
        let wanted = "texts or numbers";
        return Err(unknown_unless_scalar(path, "anything-but", value, wanted));
    }
    Ok(values)
}

fn comparisons(value: &Value, path: &str) -> Result<Vec<(Comparison, f64)>, InvalidPattern> {
    let wanted = "numeric must be one or two comparisons like [\">\", 0, \"<=\", 5]";
    let parts = value.as_array().ok_or_else(|| shape(path, wanted))?;
    if !matches!(parts.len(), 2 | 4) {
        return Err(shape(path, wanted));
    }
    parts
        .chunks(2)
        .map(|pair| {
            let comparison = pair[0].as_str().and_then(Comparison::parse);
            let number = pair[1].as_number().and_then(Number::as_f64);
            let (Some(comparison), Some(number)) = (comparison, number) else {
                return Err(shape(path, wanted));
            };
            if !NUMBERS.contains(&number) {
                return Err(shape(path, "numeric takes numbers from -5e9 to 5e9"));
            }
            Ok((comparison, number))
        })
        .collect()
}

fn shape(field: &str, problem: &str) -> InvalidPattern {
    InvalidPattern::Shape {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}
