//! Extensions: attributes of an event besides those that `CloudEvents` and this library define.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

/// The attributes that this library reads and writes itself, under their names in JSON.
pub(crate) const OWN_ATTRIBUTES: [&str; 14] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "sequence",
    "traceparent",
    "correlationid",
    "causationid",
    "data",
    "data_base64",
];

/// Attributes that say something of the library's own, so that a service can't set them either:
/// the rest of the trace, and the type of the `sequence`.
#[cfg(feature = "append")]
const ABOUT_OWN_ATTRIBUTES: [&str; 2] = ["tracestate", "sequencetype"];

/// The longest name that a service can give an extension.
#[cfg(feature = "append")]
const MAX_NAME_BYTES: usize = 20;

/// The value of an extension, of one of the types of `CloudEvents` that JSON can express.
///
/// ```
/// use outbox::ExtensionValue;
///
/// assert_eq!(ExtensionValue::from("t-17").as_str(), Some("t-17"));
/// assert_eq!(ExtensionValue::from(true), ExtensionValue::Boolean(true));
/// assert_eq!(ExtensionValue::from(7).to_string(), "7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionValue {
    /// Text. URIs, times and binary data are text, too.
    String(String),
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
}

impl ExtensionValue {
    /// Returns the text; `None` if it is not text. See [`ExtensionValue`] for an example.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Boolean(_) | Self::Integer(_) => None,
        }
    }

    /// Returns the value that a JSON text stands for; `None` if extensions can't have it.
    pub(super) fn from_json(json: &str) -> Option<Self> {
        match json.as_bytes().first()? {
            b'"' => serde_json::from_str(json).ok().map(Self::String),
            b't' | b'f' => json.parse().ok().map(Self::Boolean),
            b'-' | b'0'..=b'9' => json.parse().ok().map(Self::Integer),
            _ => None,
        }
    }
}

impl fmt::Display for ExtensionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => text.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
        }
    }
}

impl Serialize for ExtensionValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => to.serialize_str(text),
            Self::Boolean(boolean) => to.serialize_bool(*boolean),
            Self::Integer(integer) => to.serialize_i32(*integer),
        }
    }
}

impl From<&str> for ExtensionValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for ExtensionValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for ExtensionValue {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<i32> for ExtensionValue {
    fn from(integer: i32) -> Self {
        Self::Integer(integer)
    }
}

/// The extensions of one event, by name.
pub(crate) type Extensions = BTreeMap<String, ExtensionValue>;

/// Returns whether an attribute of a foreign event is an extension. `CloudEvents` recommends no
/// more than 20 characters, and allows longer names.
pub(super) fn is_extension(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_of_name)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Returns whether a service may name an extension so, by the rule of `CloudEvents`.
#[cfg(feature = "append")]
pub(crate) fn is_valid_name(name: &str) -> bool {
    is_extension(name) && name.len() <= MAX_NAME_BYTES
}

/// Returns whether the name is one that `CloudEvents` defines or this library uses.
#[cfg(feature = "append")]
pub(crate) fn is_reserved_name(name: &str) -> bool {
    OWN_ATTRIBUTES.contains(&name) || ABOUT_OWN_ATTRIBUTES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_a_boolean_or_an_integer_of_32_bits() {
        for (json, value) in [
            (r#""t-17""#, Some("t-17".into())),
            (r#""\u0074""#, Some("t".into())),
            (r#""""#, Some("".into())),
            ("true", Some(true.into())),
            ("false", Some(false.into())),
            ("-2147483648", Some(i32::MIN.into())),
            ("2147483647", Some(i32::MAX.into())),
            ("2147483648", None),
            ("1.0", None),
            ("1e400", None),
            ("null", None),
            ("[1]", None),
            (r#"{"a": 1}"#, None),
            (r#""\ud800""#, None),
        ] {
            let read = ExtensionValue::from_json(json);
            assert_eq!(read, value, "{json}");
        }
    }
}
