//! The comparison of values.

use std::cmp::Ordering;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::number::Number;

/// Returns whether two values are the same, as DynamoDB compares them: numbers by value, sets
/// without order.
pub(super) fn is_equal(a: &AttributeValue, b: &AttributeValue) -> Result<bool, String> {
    Ok(match (a, b) {
        (AttributeValue::N(a), AttributeValue::N(b)) => {
            a == b || a.parse::<Number>()? == b.parse::<Number>()?
        }
        (AttributeValue::Ss(a), AttributeValue::Ss(b)) => is_same_set(a, b, |a, b| Ok(a == b))?,
        (AttributeValue::Bs(a), AttributeValue::Bs(b)) => is_same_set(a, b, |a, b| Ok(a == b))?,
        (AttributeValue::Ns(a), AttributeValue::Ns(b)) => {
            is_same_set(
                a,
                b,
                |a, b| Ok(a.parse::<Number>()? == b.parse::<Number>()?),
            )?
        }
        (AttributeValue::L(a), AttributeValue::L(b)) => {
            a.len() == b.len() && all(a.iter().zip(b), |(a, b)| is_equal(a, b))?
        }
        (AttributeValue::M(a), AttributeValue::M(b)) => {
            a.len() == b.len()
                && all(a, |(name, a)| {
                    b.get(name).map_or(Ok(false), |b| is_equal(a, b))
                })?
        }
        (a, b) => a == b,
    })
}

/// Returns the order of two values; `None` if they are not of one type that has an order.
pub(super) fn order(a: &AttributeValue, b: &AttributeValue) -> Result<Option<Ordering>, String> {
    Ok(match (a, b) {
        (AttributeValue::N(a), AttributeValue::N(b)) => {
            Some(a.parse::<Number>()?.cmp(&b.parse::<Number>()?))
        }
        (AttributeValue::S(a), AttributeValue::S(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (AttributeValue::B(a), AttributeValue::B(b)) => Some(a.as_ref().cmp(b.as_ref())),
        _ => None,
    })
}

/// Returns whether a text, set or list contains a value.
pub(super) fn contains(whole: &AttributeValue, part: &AttributeValue) -> Result<bool, String> {
    match (whole, part) {
        (AttributeValue::S(whole), AttributeValue::S(part)) => Ok(whole.contains(part)),
        (AttributeValue::Ss(set), AttributeValue::S(part)) => Ok(set.contains(part)),
        (AttributeValue::Bs(set), AttributeValue::B(part)) => Ok(set.contains(part)),
        (AttributeValue::Ns(set), AttributeValue::N(part)) => {
            let part = part.parse::<Number>()?;
            any(set, |number| Ok(number.parse::<Number>()? == part))
        }
        (AttributeValue::L(values), part) => any(values, |value| is_equal(value, part)),
        (AttributeValue::B(_), _) => Err("contains of binary values".to_owned()),
        _ => Ok(false),
    }
}

fn is_same_set<T>(
    a: &[T],
    b: &[T],
    is_same: impl Fn(&T, &T) -> Result<bool, String>,
) -> Result<bool, String> {
    Ok(a.len() == b.len() && all(a, |a| any(b, |b| is_same(a, b)))?)
}

fn all<T>(
    values: impl IntoIterator<Item = T>,
    is: impl Fn(T) -> Result<bool, String>,
) -> Result<bool, String> {
    for value in values {
        if !is(value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any<T>(
    values: impl IntoIterator<Item = T>,
    is: impl Fn(T) -> Result<bool, String>,
) -> Result<bool, String> {
    Ok(!all(values, |value| Ok(!is(value)?))?)
}
