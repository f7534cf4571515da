//! JSON for programs. Terminals show it, too, so hidden characters have JSON's own escapes:
//! a program reads the same data.

use std::fmt::Write;

use serde::Serialize;

use crate::visible::is_hidden;

/// Returns a value as JSON with a line for each member and element.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    escaped(&json.expect("reports are strings, numbers and lists"))
}

/// Returns a value as JSON on one line.
pub(crate) fn on_one_line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value);
    escaped(&json.expect("reports are strings, numbers and lists"))
}

/// Returns valid JSON with the same values and without hidden characters but line breaks.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // Outside of strings JSON is ASCII, and strings have no unescaped control
            // character of ASCII but DEL: this is white space between values.
            '\n' => text.push('\n'),
            '\t' | '\r' => text.push(' '),
            hidden if is_hidden(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            shown => text.push(shown),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::RawValue};

    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_the_data_is_the_same() {
        let hidden = "\u{0}\u{1b}[31m\n\t\r\u{7f}\u{9b}\u{202e}\u{2028}\u{200b}\u{e0020}é🙂\\u{1b}";
        let value = json!({"text": hidden, hidden: [hidden]});
        for text in [pretty(&value), on_one_line(&value)] {
            assert!(
                !text.contains(|character| character != '\n' && is_hidden(character)),
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        assert!(!on_one_line(&value).contains('\n'));
    }

    #[test]
    fn white_space_of_others_becomes_spaces() {
        let raw: Box<RawValue> = serde_json::from_str("{\"a\":\r\t1}").unwrap();
        assert_eq!(on_one_line(&raw), "{\"a\":  1}");
    }
}
