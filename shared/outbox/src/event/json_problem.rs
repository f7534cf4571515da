//! What is wrong with JSON, without any of its content.

use serde_json::error::Category;

use crate::serde_failure::kind;

/// Returns what is wrong with JSON, without any of its content: for logs, dead letters and
/// metrics, which must not contain events.
///
/// `serde_json`'s own text quotes the value that it doesn't expect.
///
/// ```
/// let error = serde_json::from_str::<u8>(r#""Jane Doe, 5 Main Street""#).unwrap_err();
/// assert_eq!(outbox::json_problem(&error), "invalid type, expected u8");
/// ```
pub fn json_problem(error: &serde_json::Error) -> String {
    if error.classify() != Category::Data {
        // These texts are about the syntax, and quote nothing.
        return error.to_string();
    }
    kind(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::{Deserialize, de::DeserializeOwned};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Read {
        number: u8,
        kind: Option<Kind>,
        at: Option<Timestamp>,
        pair: Option<(u8, u8)>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        One,
        Two,
    }

    fn problem<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        json_problem(&serde_json::from_str::<T>(json).unwrap_err())
    }

    #[test]
    fn a_problem_quotes_nothing_of_the_content() {
        for (json, expected) in [
            (r#"{"number": "SECRET"}"#, "invalid type, expected u8"),
            (
                r#"{"number": "SECRET, expected SECRET"}"#,
                "invalid type, expected u8",
            ),
            (r#"{"number": 4111}"#, "invalid value, expected u8"),
            (
                r#"{"number": 1, "kind": "SECRET"}"#,
                "unknown variant, expected `One` or `Two`",
            ),
            (
                r#"{"number": 1, "SECRET": 2}"#,
                "unknown field, expected one of `number`, `kind`, `at`, `pair`",
            ),
            (r#"{"number": 1, "at": "SECRET"}"#, "invalid value"),
            (
                r#"{"number": 1, "pair": [1, 2, 4111]}"#,
                "trailing characters at line 1 column 30",
            ),
            ("{}", "missing field `number`"),
            (r#"{"number": 1, "number": 2}"#, "duplicate field `number`"),
            (
                r#"{"number": "SECRET"#,
                "EOF while parsing a string at line 1 column 18",
            ),
            (
                r#"{"number": SECRET}"#,
                "expected value at line 1 column 12",
            ),
        ] {
            let problem = problem::<Read>(json);
            assert_eq!(problem, expected, "{json}");
        }
        // An error of a value has no place in a text.
        let value = serde_json::json!("x, expected SECRET at line 5");
        let error = serde_json::from_value::<u8>(value).unwrap_err();
        assert_eq!(json_problem(&error), "invalid type, expected u8");
        let map = problem::<BTreeMap<String, u8>>(r#"{"SECRET": "SECRET"}"#);
        assert_eq!(map, "invalid type, expected u8");
    }
}
