//! Formats JSON for people without parsing its values: only white space changes, and
//! every value keeps its bytes. A parser would change numbers that no machine type
//! holds, and drop duplicate keys.

use serde_json::value::{RawValue, to_raw_value};

/// Returns valid JSON with a line for each member and element.
pub(crate) fn laid_out(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut tokens = Tokens(json).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                text.push_str(token);
                let is_empty = tokens.peek().is_some_and(|next| matches!(*next, "}" | "]"));
                if is_empty {
                    text.extend(tokens.next());
                } else {
                    depth += 1;
                    break_line(&mut text, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                break_line(&mut text, depth);
                text.push_str(token);
            }
            "," => {
                text.push_str(token);
                break_line(&mut text, depth);
            }
            ":" => text.push_str(": "),
            value => text.push_str(value),
        }
    }
    text
}

/// Returns valid JSON without the white space between its values.
pub(crate) fn compact(json: &str) -> String {
    Tokens(json).collect()
}

/// Returns whether a text is JSON, with numbers of any size.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns a text as JSON without changing its values; as a JSON string, if it is no JSON.
pub(crate) fn as_json(text: &str) -> Box<RawValue> {
    serde_json::from_str(text)
        .or_else(|_| to_raw_value(text))
        .expect("a string is JSON")
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// The tokens of valid JSON: punctuation, strings with their quotes, and other values.
struct Tokens<'j>(&'j str);

impl<'j> Iterator for Tokens<'j> {
    type Item = &'j str;

    fn next(&mut self) -> Option<&'j str> {
        let json = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let length = match json.as_bytes().first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(json),
            _ => json
                .find([',', ':', '{', '}', '[', ']', '"', ' ', '\t', '\n', '\r'])
                .unwrap_or(json.len()),
        };
        let (token, rest) = json.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

/// Returns the length in bytes of the string at the start, with its quotes.
fn string_length(json: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that a parser would not write back as it read them.
    const DELICATE: [&str; 14] = [
        "98.88339545701953",
        "1.5777777777770001",
        "1.50",
        "1.0",
        "-0",
        "-0.0",
        "1e400",
        "1E+2",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
        r#""\u00e9\/\ud83d\ude00""#,
        r#""a \"quoted\" , : {} [] \\""#,
        r#"{"a":1,"a":2,"":{}}"#,
        r#"[[],{},[{}],"",null,true,false]"#,
    ];

    #[test]
    fn json_is_laid_out_with_a_line_for_each_value() {
        assert_eq!(
            laid_out(r#"{"a":[1,{"b":2.50}],"c":{},"d":[]}"#),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2.50\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}"
        );
    }

    #[test]
    fn every_value_keeps_its_bytes() {
        for value in DELICATE {
            let json = format!(r#"{{"z":{value},"a":[{value},{value}]}}"#);
            assert!(is_json(&json), "{json}");
            let text = laid_out(&json);
            assert!(is_json(&text), "{text}");
            assert_eq!(compact(&text), json);
            assert_eq!(compact(&json), json);
            assert_eq!(laid_out(&text), text);
        }
    }

    #[test]
    fn only_white_space_between_values_is_removed() {
        assert_eq!(
            compact(" {\r\n\t\"a b\" : [ 1 ,\n2 ] } \n"),
            r#"{"a b":[1,2]}"#
        );
        for value in ["1", "\"a b\"", "null", "[]"] {
            assert_eq!(laid_out(value), value);
        }
    }
}
