//! The placeholders of an expression.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// What the placeholders of an expression stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placeholders<'p> {
    /// `#name`.
    pub(crate) names: Option<&'p HashMap<String, String>>,
    /// `:value`.
    pub(crate) values: Option<&'p HashMap<String, AttributeValue>>,
}

impl<'p> Placeholders<'p> {
    pub(super) fn name(self, placeholder: &str) -> Result<&'p str, String> {
        let name = self.names.and_then(|names| names.get(placeholder));
        name.map(String::as_str)
            .ok_or_else(|| format!("{placeholder} has no name"))
    }

    pub(super) fn value(self, placeholder: &str) -> Result<&'p AttributeValue, String> {
        let value = self.values.and_then(|values| values.get(placeholder));
        value.ok_or_else(|| format!("{placeholder} has no value"))
    }
}
