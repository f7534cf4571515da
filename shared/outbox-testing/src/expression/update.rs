//! Update expressions.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    path::Path,
    placeholders::Placeholders,
    tokens::{Token, Tokens},
};
use crate::{item::Item, number::Number};

/// The clauses of an update expression.
const CLAUSES: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

/// Returns the item after an update. Every value is computed from the item before it.
///
/// # Errors
///
/// If the update can't be evaluated, with the reason.
pub(crate) fn update(
    expression: &str,
    placeholders: Placeholders<'_>,
    before: &Item,
) -> Result<Item, String> {
    let mut update = Update {
        tokens: Tokens::of(expression)?,
        placeholders,
        before,
        after: before.clone(),
    };
    while update.tokens.peek().is_some() {
        let clause = CLAUSES
            .into_iter()
            .find(|clause| update.tokens.take_keyword(clause));
        let clause = clause.ok_or_else(|| format!("{:?} is not a clause", update.tokens.peek()))?;
        loop {
            let path = Path::parse(&mut update.tokens, placeholders)?;
            match clause {
                "SET" => update.set(&path)?,
                "REMOVE" => path.remove(&mut update.after)?,
                "ADD" => update.add(&path)?,
                _ => update.delete(&path)?,
            }
            if !update.tokens.take_symbol(",") {
                break;
            }
        }
    }
    Ok(update.after)
}

struct Update<'u> {
    tokens: Tokens,
    placeholders: Placeholders<'u>,
    before: &'u Item,
    after: Item,
}

impl Update<'_> {
    /// `path = value`.
    fn set(&mut self, path: &Path) -> Result<(), String> {
        self.tokens.expect("=")?;
        let mut value = self.value()?;
        while self.tokens.is_symbol("+") || self.tokens.is_symbol("-") {
            let is_sum = self.tokens.take_symbol("+") || !self.tokens.take_symbol("-");
            let other = self.value()?;
            value = calculate(&value, &other, is_sum)?;
        }
        path.set(&mut self.after, value)
    }

    /// `path value`: a number is added, or the elements of a set.
    fn add(&mut self, path: &Path) -> Result<(), String> {
        let value = self.value()?;
        let Some(found) = path.find(self.before) else {
            return path.set(&mut self.after, value);
        };
        let sum = match (found, &value) {
            (AttributeValue::N(_), AttributeValue::N(_)) => calculate(found, &value, true)?,
            (AttributeValue::Ss(a), AttributeValue::Ss(b)) => AttributeValue::Ss(union(a, b)),
            (AttributeValue::Ns(a), AttributeValue::Ns(b)) => AttributeValue::Ns(union(a, b)),
            (found, value) => return Err(format!("ADD of {value:?} to {found:?}")),
        };
        path.set(&mut self.after, sum)
    }

    /// `path value`: the elements of a set are deleted.
    fn delete(&mut self, path: &Path) -> Result<(), String> {
        let value = self.value()?;
        let Some(found) = path.find(self.before) else {
            return Ok(());
        };
        let (left, set): (_, fn(Vec<String>) -> AttributeValue) = match (found, &value) {
            (AttributeValue::Ss(a), AttributeValue::Ss(b)) => (without(a, b), AttributeValue::Ss),
            (AttributeValue::Ns(a), AttributeValue::Ns(b)) => (without(a, b), AttributeValue::Ns),
            (found, value) => return Err(format!("DELETE of {value:?} from {found:?}")),
        };
        // A set is never empty.
        if left.is_empty() {
            return path.remove(&mut self.after);
        }
        path.set(&mut self.after, set(left))
    }

    fn value(&mut self) -> Result<AttributeValue, String> {
        if let Some(Token::Value(placeholder)) = self.tokens.peek().cloned() {
            self.tokens.next();
            return self.placeholders.value(&placeholder).cloned();
        }
        match self.tokens.take_function().as_deref() {
            None => {
                let path = Path::parse(&mut self.tokens, self.placeholders)?;
                let found = path.find(self.before).cloned();
                found.ok_or_else(|| format!("the item has nothing at {path:?}"))
            }
            Some("if_not_exists") => {
                let path = Path::parse(&mut self.tokens, self.placeholders)?;
                self.tokens.expect(",")?;
                let otherwise = self.value()?;
                self.tokens.expect(")")?;
                Ok(path.find(self.before).cloned().unwrap_or(otherwise))
            }
            Some("list_append") => {
                let first = self.value()?;
                self.tokens.expect(",")?;
                let second = self.value()?;
                self.tokens.expect(")")?;
                match (first, second) {
                    (AttributeValue::L(first), AttributeValue::L(second)) => {
                        Ok(AttributeValue::L([first, second].concat()))
                    }
                    (first, second) => Err(format!("list_append of {first:?} and {second:?}")),
                }
            }
            Some(name) => Err(format!("there is no function {name:?}")),
        }
    }
}

fn calculate(
    a: &AttributeValue,
    b: &AttributeValue,
    is_sum: bool,
) -> Result<AttributeValue, String> {
    let (AttributeValue::N(a), AttributeValue::N(b)) = (a, b) else {
        return Err(format!("{a:?} and {b:?} are not numbers"));
    };
    let (first, second) = (a.parse::<Number>()?, b.parse::<Number>()?);
    let result = if is_sum {
        first.plus(second)
    } else {
        first.minus(second)
    };
    let result = result.ok_or_else(|| format!("{a} and {b} differ too much in size"))?;
    Ok(AttributeValue::N(result.to_string()))
}

fn union(a: &[String], b: &[String]) -> Vec<String> {
    [a, &without(b, a)].concat()
}

fn without(a: &[String], b: &[String]) -> Vec<String> {
    a.iter().filter(|text| !b.contains(text)).cloned().collect()
}
