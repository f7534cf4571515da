//! DynamoDB's expressions: conditions and updates.
//!
//! What can't be evaluated is an error that says so: a test must not succeed because a
//! condition was ignored.

mod comparison;
mod condition;
mod path;
mod tokens;
mod update;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) use condition::holds;
pub(crate) use update::update;

/// What the placeholders of an expression stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placeholders<'p> {
    /// `#name`.
    pub(crate) names: Option<&'p HashMap<String, String>>,
    /// `:value`.
    pub(crate) values: Option<&'p HashMap<String, AttributeValue>>,
}

impl<'p> Placeholders<'p> {
    fn name(self, placeholder: &str) -> Result<&'p str, String> {
        let name = self.names.and_then(|names| names.get(placeholder));
        name.map(String::as_str)
            .ok_or_else(|| format!("{placeholder} has no name"))
    }

    fn value(self, placeholder: &str) -> Result<&'p AttributeValue, String> {
        let value = self.values.and_then(|values| values.get(placeholder));
        value.ok_or_else(|| format!("{placeholder} has no value"))
    }
}
