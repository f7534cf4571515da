//! Errors of serde without the values that they quote: what is logged must not contain the
//! content of an event, a row or a request.

use std::fmt;

use serde_path_to_error::Segment;

#[cfg(feature = "append")]
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Messages with only names of fields in them.
const ABOUT_FIELDS: [&str; 2] = ["missing field ", "duplicate field "];

/// Messages of `serde_dynamo` that are the same for all values.
const FIXED: [&str; 10] = [
    "Expected string",
    "Expected map",
    "Expected seq",
    "Expected num",
    "Expected bool",
    "Expected char",
    "Expected unit",
    "Expected enum",
    "Key must be a string",
    "Not a map-like object",
];

/// Messages that quote a value and then say what was expected.
const WITH_VALUES: [&str; 5] = [
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown variant",
    "unknown field",
];

/// Returns what is wrong, of an error of serde: its kind and what was expected. Messages of
/// types with their own implementation are left out, for they may quote anything.
pub(crate) fn kind(error: &impl fmt::Display) -> String {
    let message = without_place(error.to_string());
    let begins_with = |kind: &&str| message.starts_with(kind);
    let is_about_a_field = ABOUT_FIELDS
        .iter()
        .any(|about| is_of_a_field(&message, about));
    if is_about_a_field || FIXED.contains(&message.as_str()) {
        return message;
    }
    let Some(kind) = WITH_VALUES.into_iter().find(begins_with) else {
        return "invalid value".to_owned();
    };
    // Nothing is expected, so what follows the comma is of the value.
    if message.ends_with(", there are no fields") || message.ends_with(", there are no variants") {
        return kind.to_owned();
    }
    // The last one is serde's own: a value may contain the same words.
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{kind}, expected {expected}"),
        None => kind.to_owned(),
    }
}

/// Removes where in a text the error is.
fn without_place(mut message: String) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let place = message.rsplit_once(" at line ");
    if let Some((rest, (line, column))) =
        place.and_then(|(rest, place)| Some((rest, place.split_once(" column ")?)))
        && is_number(line)
        && is_number(column)
    {
        message.truncate(rest.len());
    }
    message
}

/// Returns whether a message is about a field, and has nothing but its name.
fn is_of_a_field(message: &str, about: &str) -> bool {
    let name = message.strip_prefix(about).unwrap_or_default();
    let name = name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'));
    name.is_some_and(is_name)
}

/// Returns whether a text can be the name of a field in a program, rather than content.
fn is_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(is_of_name)
}

/// Returns a path as text: `items[3].price`, `.` for the whole value. A key that is no name, as
/// that of a map may be, is `?`.
pub(crate) fn text_of_path(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => {
                text.extend(["[", &index.to_string(), "]"]);
                continue;
            }
            Segment::Map { key } if is_name(key) => key,
            Segment::Enum { variant } if is_name(variant) => variant,
            _ => "?",
        };
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
    }
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}

/// Returns a path and what is wrong there. The path of the whole value is left out.
#[cfg(feature = "append")]
fn at_path(path: &serde_path_to_error::Path, error: &impl fmt::Display) -> String {
    match text_of_path(path).as_str() {
        "." => kind(error),
        path => format!("{path}: {}", kind(error)),
    }
}

/// A value whose errors say where they are and quote nothing, in any format.
#[cfg(feature = "append")]
pub(crate) struct Unquoted<T>(pub(crate) T);

#[cfg(feature = "append")]
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unquoted<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = serde_path_to_error::deserialize(from);
        read.map(Self)
            .map_err(|error| de::Error::custom(at_path(error.path(), error.inner())))
    }
}

#[cfg(feature = "append")]
impl<T: Serialize> Serialize for Unquoted<&T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde_path_to_error::serialize(self.0, to)
            .map_err(|error| ser::Error::custom(at_path(error.path(), error.inner())))
    }
}

#[cfg(all(test, feature = "append"))]
mod tests {
    use serde_json::json;

    use super::*;

    /// A value that must not be in any message.
    const SECRET: &str = "Jane Doe, expected at 5 Main Street";

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only errors matter")]
    struct Order {
        total: u64,
        #[serde(default)]
        state: State,
        #[serde(default)]
        lines: Vec<(u8, u8)>,
    }

    #[derive(Debug, Default, Deserialize)]
    enum State {
        #[default]
        Placed,
    }

    #[test]
    fn no_message_quotes_a_value() {
        for (value, expected) in [
            (
                json!({"total": SECRET}),
                "total: invalid type, expected u64",
            ),
            (json!({"total": -5}), "total: invalid value, expected u64"),
            (
                json!({"total": 1, "state": SECRET}),
                "state: unknown variant, expected `Placed`",
            ),
            (
                json!({"total": 1, "lines": [[1, SECRET]]}),
                "lines[0][1]: invalid type, expected u8",
            ),
            (
                json!({"total": 1, "lines": [[1]]}),
                "lines[0]: invalid length, expected a tuple of size 2",
            ),
            (json!({"state": "Placed"}), "missing field `total`"),
            (json!(SECRET), "invalid type, expected struct Order"),
        ] {
            let error = serde_json::from_value::<Unquoted<Order>>(value.clone());
            assert_eq!(error.err().unwrap().to_string(), expected);
            let error = serde_json::from_str::<Unquoted<Order>>(&value.to_string());
            let text = error.err().unwrap().to_string();
            assert!(text.starts_with(expected), "{text}");
            assert!(!text.contains("Jane"), "{text}");
        }
    }

    #[test]
    fn no_message_quotes_the_name_of_a_field() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}

        let text = r#"{"x, expected Jane Doe": 1}"#;
        let error = serde_json::from_str::<Empty>(text).unwrap_err();
        assert!(!kind(&error).contains("Jane"), "{}", kind(&error));
        let custom = "missing field `a`, of Jane Doe";
        assert_eq!(kind(&custom), "invalid value");
        assert_eq!(kind(&"missing field `a.b`"), "missing field `a.b`");
    }

    #[test]
    fn a_path_has_names_and_no_content() {
        let path = |json: &str| {
            type Prices = std::collections::BTreeMap<String, Vec<u8>>;
            let mut json = serde_json::Deserializer::from_str(json);
            let read = serde_path_to_error::deserialize::<_, Prices>(&mut json);
            text_of_path(read.unwrap_err().path())
        };
        assert_eq!(path(r#"{"cups": [1, "x"]}"#), "cups[1]");
        assert_eq!(path(r#"{"Jane Doe, 5 Main Street": [1, "x"]}"#), "?[1]");
        assert_eq!(path("5"), ".");
    }

    #[test]
    fn messages_of_other_implementations_are_left_out() {
        struct Own;

        impl Serialize for Own {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom(SECRET))
            }
        }

        let value = [Own];
        let error = serde_json::to_string(&Unquoted(&value)).unwrap_err();
        assert_eq!(error.to_string(), "[0]: invalid value");
        let time = serde_json::from_str::<jiff::Timestamp>(&format!("{SECRET:?}"));
        assert_eq!(kind(&time.unwrap_err()), "invalid value");
    }
}
