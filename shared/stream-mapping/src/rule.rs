//! The rules of a filter for the values of one field.

use serde_json::{Number, Value};

use crate::invalid_pattern::{InvalidPattern, shape};

/// The numbers that a `numeric` rule may contain.
const NUMBERS: std::ops::RangeInclusive<f64> = -5e9..=5e9;

/// A rule for a value. At least one of a field's rules must match.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    /// All comparisons must hold.
    Numeric(Vec<(Comparison, f64)>),
    /// `exists: true`: there is a value.
    Present,
    /// `exists: false`: there is no value.
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Rule {
    /// Parses a rule for the field at a path.
    pub(crate) fn parse(json: &Value, path: &str) -> Result<Self, InvalidPattern> {
        let fields = match json {
            Value::Object(fields) => fields,
            Value::Array(_) => return Err(shape(path, "must not have a list as a rule")),
            value => return Ok(Self::Equals(value.clone())),
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
            "equals-ignore-case" => Self::EqualsIgnoreCase(text()?),
            "prefix" => Self::Prefix(text()?),
            "suffix" => Self::Suffix(text()?),
            "anything-but" => Self::AnythingBut(values(value, path)?),
            "numeric" => Self::Numeric(comparisons(value, path)?),
            "exists" => match value.as_bool() {
                Some(true) => Self::Present,
                Some(false) => Self::Absent,
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

    /// Returns whether a value matches. No value matches [`Rule::Absent`], which the
    /// pattern checks by itself.
    pub(crate) fn matches(&self, leaf: &Value) -> bool {
        let text = leaf.as_str();
        match self {
            Self::Equals(value) => leaf == value,
            Self::EqualsIgnoreCase(wanted) => {
                text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase())
            }
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(values) => !values.iter().any(|value| leaf == value),
            Self::Numeric(comparisons) => leaf.as_f64().is_some_and(|number| {
                comparisons
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Present => true,
            Self::Absent => false,
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

/// Returns the error for a rule with a wrong value. EventBridge has nested rules
/// (`{"prefix": {"equals-ignore-case": ..}}`), which AWS does not document for Lambda.
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

/// Parses one comparison, or a lower bound and then an upper one above it. This is
/// what EventBridge's own compiler accepts.
fn comparisons(value: &Value, path: &str) -> Result<Vec<(Comparison, f64)>, InvalidPattern> {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let wanted = "numeric must be one comparison, or a lower bound and then an upper one, \
                  like [\">\", 0, \"<=\", 5]";
    let parts = value.as_array().ok_or_else(|| shape(path, wanted))?;
    let comparisons = parts
        .chunks(2)
        .map(|pair| comparison(pair, path)?.ok_or_else(|| shape(path, wanted)))
        .collect::<Result<Vec<_>, _>>()?;
    match comparisons[..] {
        [_] => Ok(comparisons),
        [(Greater | GreaterOrEqual, low), (Less | LessOrEqual, high)] if low < high => {
            Ok(comparisons)
        }
        [(Greater | GreaterOrEqual, _), (Less | LessOrEqual, _)] => Err(shape(
            path,
            "numeric must have a lower bound that is less than the upper one",
        )),
        _ => Err(shape(path, wanted)),
    }
}

fn comparison(pair: &[Value], path: &str) -> Result<Option<(Comparison, f64)>, InvalidPattern> {
    let [name, number] = pair else {
        return Ok(None);
    };
    let comparison = name.as_str().and_then(Comparison::parse);
    let number = number.as_number().and_then(Number::as_f64);
    let (Some(comparison), Some(number)) = (comparison, number) else {
        return Ok(None);
    };
    if !NUMBERS.contains(&number) {
        return Err(shape(path, "numeric accepts numbers from -5e9 to 5e9"));
    }
    Ok(Some((comparison, number)))
}
