//! Checks the JSON text of an event.

use std::fmt;

use crate::limits::MAX_JSON_INTEGER;

/// What a walk over a JSON text has found. Places are paths, such as `.lines[3].price`, and
/// empty for the whole text: errors say where a value is and don't quote it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Levels of nested arrays and objects.
    pub(crate) depth: usize,
    /// The place of the first number that many JSON readers would change: a whole number
    /// beyond 2^53 - 1, or one beyond the largest floating-point number.
    pub(crate) unsafe_number: Option<String>,
    /// The place of the first string that is not text, for an escape that stands for no
    /// character. Of a name, it is the place of the value that has the name.
    pub(crate) invalid_string: Option<String>,
}

/// Walks over a valid JSON text. It reads the spelling of numbers, since a parser would have
/// changed the very numbers that it has to find.
pub(crate) fn examine(json: &str) -> Findings {
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut place = Place::default();
    let mut findings = Findings {
        depth: 0,
        unsafe_number: None,
        invalid_string: None,
    };
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            _ => at + 1,
        };
        match byte {
            b'"' => {
                let token = &json[at..end];
                place.string(token);
                if findings.invalid_string.is_none() && !is_text(token) {
                    findings.invalid_string = Some(place.to_string());
                }
            }
            b'-' | b'0'..=b'9' => {
                if findings.unsafe_number.is_none() && is_unsafe(&json[at..end]) {
                    findings.unsafe_number = Some(place.to_string());
                }
            }
            punctuation => place.punctuation(*punctuation),
        }
        findings.depth = findings.depth.max(place.0.len());
        at = end;
    }
    findings
}

/// The arrays and objects around the current token, outermost first.
#[derive(Default)]
struct Place<'j>(Vec<Level<'j>>);

/// An array or object around the current token.
enum Level<'j> {
    Array {
        index: usize,
    },
    Object {
        /// The name of the current member, as it is spelled, without quotes.
        name: &'j str,
        /// Whether the next string is a name.
        is_name_next: bool,
    },
}

impl<'j> Place<'j> {
    fn string(&mut self, token: &'j str) {
        if let Some(Level::Object { name, is_name_next }) = self.0.last_mut()
            && *is_name_next
        {
            *name = token.trim_matches('"');
            *is_name_next = false;
        }
    }

    fn punctuation(&mut self, byte: u8) {
        match (byte, self.0.last_mut()) {
            (b'[', _) => self.0.push(Level::Array { index: 0 }),
            (b'{', _) => self.0.push(Level::Object {
                name: "",
                is_name_next: true,
            }),
            (b']' | b'}', _) => {
                self.0.pop();
            }
            (b',', Some(Level::Array { index })) => *index += 1,
            (b',', Some(Level::Object { is_name_next, .. })) => *is_name_next = true,
            _ => {}
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|level| match level {
            Level::Array { index } => write!(f, "[{index}]"),
            Level::Object { name, .. } => write!(f, ".{name}"),
        })
    }
}

/// Returns the index after the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    at + bytes[at..].iter().take_while(is_part).count()
}

/// A lone surrogate is valid by JSON's grammar, and no reader can make text of it.
fn is_text(token: &str) -> bool {
    !token.contains("\\u") || serde_json::from_str::<String>(token).is_ok()
}

fn is_unsafe(number: &str) -> bool {
    let digits = number.trim_start_matches('-');
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that exceeds even u64 is unsafe, too.
        digits
            .parse::<u64>()
            .map_or(true, |number| number > MAX_JSON_INTEGER)
    } else {
        number.parse::<f64>().is_ok_and(f64::is_infinite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_arrays_and_objects_outside_of_strings() {
        for (json, depth) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a": [1, {"b": []}], "c": 2}"#, 4),
            (r#"["[[[", "\"[[[", "\\"]"#, 1),
            ("[[], [[]], []]", 3),
        ] {
            assert_eq!(examine(json).depth, depth, "{json}");
        }
    }

    #[test]
    fn the_first_number_that_readers_would_change_is_found() {
        for (json, found) in [
            ("9007199254740991", None),
            ("-9007199254740991", None),
            ("9007199254740992", Some("")),
            ("[0, -9007199254740992]", Some("[1]")),
            ("184467440737095516160", Some("")),
            ("1e400", Some("")),
            ("-1.5E+999", Some("")),
            ("1e308", None),
            ("9007199254740993.0", None),
            (r#"{"9007199254740993": "9007199254740993"}"#, None),
            (r#"["é\"", 9007199254740993]"#, Some("[1]")),
            (
                r#"{"a": {"b": [[], 1]}, "c": [{"d": "[{,", "e": 1e999}]}"#,
                Some(".c[0].e"),
            ),
        ] {
            let place = examine(json).unsafe_number;
            assert_eq!(place.as_deref(), found, "{json}");
        }
    }

    #[test]
    fn an_escape_that_stands_for_no_character_is_found() {
        for (json, found) in [
            (r#"{"a": "\u00e9\ud83d\ude00"}"#, None),
            (r#"{"a": ["b", "\ud800"]}"#, Some(".a[1]")),
            (r#"{"\udc00": 1}"#, Some(r".\udc00")),
        ] {
            let place = examine(json).invalid_string;
            assert_eq!(place.as_deref(), found, "{json}");
        }
    }
}
