//! Condition expressions. An item that isn't there has no attributes.

use std::{borrow::Cow, cmp::Ordering};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    comparison::{contains, is_equal, order},
    path::Path,
    placeholders::Placeholders,
    tokens::{Token, Tokens},
};
use crate::item::Item;

/// Returns whether a condition holds for an item.
///
/// # Errors
///
/// If it can't be evaluated, with the reason.
pub(crate) fn holds(
    condition: &str,
    placeholders: Placeholders<'_>,
    item: &Item,
) -> Result<bool, String> {
    let mut reader = Reader {
        tokens: Tokens::of(condition)?,
        placeholders,
        item,
    };
    let holds = reader.any_of()?;
    match reader.tokens.peek() {
        None => Ok(holds),
        Some(token) => Err(format!("{token:?} is not expected")),
    }
}

/// Evaluates a condition while it reads it. Both sides of `AND` and `OR` are always read.
struct Reader<'r> {
    tokens: Tokens,
    placeholders: Placeholders<'r>,
    item: &'r Item,
}

impl<'r> Reader<'r> {
    fn any_of(&mut self) -> Result<bool, String> {
        let mut holds = self.all_of()?;
        while self.tokens.take_keyword("OR") {
            holds |= self.all_of()?;
        }
        Ok(holds)
    }

    fn all_of(&mut self) -> Result<bool, String> {
        let mut holds = self.term()?;
        while self.tokens.take_keyword("AND") {
            holds &= self.term()?;
        }
        Ok(holds)
    }

    fn term(&mut self) -> Result<bool, String> {
        if self.tokens.take_keyword("NOT") {
            return Ok(!self.term()?);
        }
        if self.tokens.take_symbol("(") {
            let holds = self.any_of()?;
            self.tokens.expect(")")?;
            return Ok(holds);
        }
        if !self.tokens.is_keyword("size")
            && let Some(function) = self.tokens.take_function()
        {
            let holds = self.function(&function)?;
            self.tokens.expect(")")?;
            return Ok(holds);
        }
        self.comparison()
    }

    /// Evaluates a function, up to its closing parenthesis.
    fn function(&mut self, name: &str) -> Result<bool, String> {
        let found = Path::parse(&mut self.tokens, self.placeholders)?.find(self.item);
        match name {
            "attribute_exists" => return Ok(found.is_some()),
            "attribute_not_exists" => return Ok(found.is_none()),
            "attribute_type" | "begins_with" | "contains" => {}
            _ => return Err(format!("there is no function {name:?}")),
        }
        self.tokens.expect(",")?;
        let argument = self.operand()?;
        let (Some(found), Some(argument)) = (found, argument.as_deref()) else {
            return Ok(false);
        };
        match (name, found, argument) {
            ("attribute_type", found, AttributeValue::S(wanted)) => Ok(type_of(found)? == wanted),
            ("begins_with", AttributeValue::S(text), AttributeValue::S(prefix)) => {
                Ok(text.starts_with(prefix))
            }
            ("begins_with", AttributeValue::B(bytes), AttributeValue::B(prefix)) => {
                Ok(bytes.as_ref().starts_with(prefix.as_ref()))
            }
            ("contains", found, argument) => contains(found, argument),
            ("begins_with", ..) => Ok(false),
            _ => Err(format!("{name} of {argument:?}")),
        }
    }

    fn comparison(&mut self) -> Result<bool, String> {
        let left = self.operand()?;
        if self.tokens.take_keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.tokens.take_keyword("AND") {
                return Err("expected AND after BETWEEN".to_owned());
            }
            let high = self.operand()?;
            return Ok(compare(">=", left.as_deref(), low.as_deref())?
                && compare("<=", left.as_deref(), high.as_deref())?);
        }
        if self.tokens.take_keyword("IN") {
            self.tokens.expect("(")?;
            let mut holds = false;
            loop {
                let value = self.operand()?;
                holds |= compare("=", left.as_deref(), value.as_deref())?;
                if !self.tokens.take_symbol(",") {
                    break;
                }
            }
            self.tokens.expect(")")?;
            return Ok(holds);
        }
        let Some(Token::Symbol(operator)) = self.tokens.next() else {
            return Err("expected an operator".to_owned());
        };
        let right = self.operand()?;
        compare(operator, left.as_deref(), right.as_deref())
    }

    /// Returns the value of an operand; `None` if the item lacks the attribute.
    fn operand(&mut self) -> Result<Option<Cow<'r, AttributeValue>>, String> {
        if let Some(Token::Value(placeholder)) = self.tokens.peek().cloned() {
            self.tokens.next();
            return Ok(Some(Cow::Borrowed(self.placeholders.value(&placeholder)?)));
        }
        match self.tokens.take_function().as_deref() {
            None => {
                let path = Path::parse(&mut self.tokens, self.placeholders)?;
                Ok(path.find(self.item).map(Cow::Borrowed))
            }
            Some("size") => {
                let path = Path::parse(&mut self.tokens, self.placeholders)?;
                self.tokens.expect(")")?;
                let size = path.find(self.item).map(size_of).transpose()?;
                let number = |size: usize| Cow::Owned(AttributeValue::N(size.to_string()));
                Ok(size.map(number))
            }
            Some(name) => Err(format!("{name} is not an operand")),
        }
    }
}

/// Compares two values; a missing one is only unequal.
fn compare(
    operator: &str,
    left: Option<&AttributeValue>,
    right: Option<&AttributeValue>,
) -> Result<bool, String> {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(operator == "<>");
    };
    let is = |wanted: fn(Ordering) -> bool| Ok(order(left, right)?.is_some_and(wanted));
    match operator {
        "=" => is_equal(left, right),
        "<>" => Ok(!is_equal(left, right)?),
        "<" => is(Ordering::is_lt),
        "<=" => is(Ordering::is_le),
        ">" => is(Ordering::is_gt),
        ">=" => is(Ordering::is_ge),
        other => Err(format!("{other:?} is not an operator")),
    }
}

fn type_of(value: &AttributeValue) -> Result<&'static str, String> {
    Ok(match value {
        AttributeValue::S(_) => "S",
        AttributeValue::N(_) => "N",
        AttributeValue::B(_) => "B",
        AttributeValue::Ss(_) => "SS",
        AttributeValue::Ns(_) => "NS",
        AttributeValue::Bs(_) => "BS",
        AttributeValue::M(_) => "M",
        AttributeValue::L(_) => "L",
        AttributeValue::Bool(_) => "BOOL",
        AttributeValue::Null(_) => "NULL",
        other => return Err(format!("the type of {other:?}")),
    })
}

fn size_of(value: &AttributeValue) -> Result<usize, String> {
    Ok(match value {
        AttributeValue::S(text) => text.chars().count(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        AttributeValue::M(fields) => fields.len(),
        AttributeValue::L(values) => values.len(),
        other => return Err(format!("the size of {other:?}")),
    })
}
