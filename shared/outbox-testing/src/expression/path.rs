//! Document paths: `a`, `#a.b`, `a[0]`.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    placeholders::Placeholders,
    tokens::{Token, Tokens},
};
use crate::item::Item;

/// The path of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    name: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    pub(super) fn parse(
        tokens: &mut Tokens,
        placeholders: Placeholders<'_>,
    ) -> Result<Self, String> {
        let mut path = Self {
            name: field(tokens, placeholders)?,
            steps: Vec::new(),
        };
        loop {
            if tokens.take_symbol(".") {
                path.steps.push(Step::Field(field(tokens, placeholders)?));
            } else if tokens.take_symbol("[") {
                let Some(Token::Index(index)) = tokens.next() else {
                    return Err("expected an index".to_owned());
                };
                tokens.expect("]")?;
                path.steps.push(Step::Index(index));
            } else {
                return Ok(path);
            }
        }
    }

    /// Returns the value there.
    pub(super) fn find<'i>(&self, item: &'i Item) -> Option<&'i AttributeValue> {
        let first = item.get(&self.name)?;
        self.steps
            .iter()
            .try_fold(first, |value, step| match (step, value) {
                (Step::Field(name), AttributeValue::M(fields)) => fields.get(name),
                (Step::Index(index), AttributeValue::L(values)) => values.get(*index),
                _ => None,
            })
    }

    /// Sets the value there.
    pub(super) fn set(&self, item: &mut Item, value: AttributeValue) -> Result<(), String> {
        let Some((last, _)) = self.steps.split_last() else {
            item.insert(self.name.clone(), value);
            return Ok(());
        };
        match (last, self.parent(item)?) {
            (Step::Field(name), AttributeValue::M(fields)) => {
                fields.insert(name.clone(), value);
            }
            (Step::Index(index), AttributeValue::L(values)) => match values.get_mut(*index) {
                Some(element) => *element = value,
                None => values.push(value),
            },
            _ => return Err(self.not_there()),
        }
        Ok(())
    }

    /// Removes the value there, if there is one.
    pub(super) fn remove(&self, item: &mut Item) -> Result<(), String> {
        let Some((last, _)) = self.steps.split_last() else {
            item.remove(&self.name);
            return Ok(());
        };
        match (last, self.parent(item)?) {
            (Step::Field(name), AttributeValue::M(fields)) => {
                fields.remove(name);
            }
            (Step::Index(index), AttributeValue::L(values)) => {
                if *index < values.len() {
                    values.remove(*index);
                }
            }
            _ => return Err(self.not_there()),
        }
        Ok(())
    }

    /// Returns what the last step of the path leads into.
    fn parent<'i>(&self, item: &'i mut Item) -> Result<&'i mut AttributeValue, String> {
        let mut value = item.get_mut(&self.name).ok_or_else(|| self.not_there())?;
        for step in &self.steps[..self.steps.len() - 1] {
            let next = match (step, value) {
                (Step::Field(name), AttributeValue::M(fields)) => fields.get_mut(name),
                (Step::Index(index), AttributeValue::L(values)) => values.get_mut(*index),
                _ => None,
            };
            value = next.ok_or_else(|| self.not_there())?;
        }
        Ok(value)
    }

    fn not_there(&self) -> String {
        format!("the item has nothing at this path: {self:?}")
    }
}

fn field(tokens: &mut Tokens, placeholders: Placeholders<'_>) -> Result<String, String> {
    match tokens.next() {
        Some(Token::Word(name)) => Ok(name),
        Some(Token::Name(placeholder)) => Ok(placeholders.name(&placeholder)?.to_owned()),
        other => Err(format!("expected an attribute, found {other:?}")),
    }
}
