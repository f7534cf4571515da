//! Checks the JSON text of an event.

use crate::limits::MAX_JSON_INTEGER;

/// What a walk over a JSON text has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Findings<'j> {
    /// Levels of nested arrays and objects.
    pub(crate) depth: usize,
    /// The first number that many JSON readers would change: a whole number beyond
    /// 2^53 - 1, or one beyond the largest floating-point number.
    pub(crate) unsafe_number: Option<&'j str>,
    /// The first string that is not text, for an escape that stands for no character.
    pub(crate) invalid_string: Option<&'j str>,
}

/// Walks over a valid JSON text. It reads the spelling of numbers, since a parser would have
/// changed the very numbers that it has to find.
pub(crate) fn examine(json: &str) -> Findings<'_> {
    let bytes = json.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
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
        let token = &json[at..end];
        match byte {
            b'"' if findings.invalid_string.is_none() && !is_text(token) => {
                findings.invalid_string = Some(token);
            }
            b'[' | b'{' => {
                depth += 1;
                findings.depth = findings.depth.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' if findings.unsafe_number.is_none() && is_unsafe(token) => {
                findings.unsafe_number = Some(token);
            }
            _ => {}
        }
        at = end;
    }
    findings
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
            ("9007199254740992", Some("9007199254740992")),
            ("[0, -9007199254740992]", Some("-9007199254740992")),
            ("184467440737095516160", Some("184467440737095516160")),
            ("1e400", Some("1e400")),
            ("-1.5E+999", Some("-1.5E+999")),
            ("1e308", None),
            ("9007199254740993.0", None),
            (r#"{"9007199254740993": "9007199254740993"}"#, None),
            (r#"["é\"", 9007199254740993]"#, Some("9007199254740993")),
        ] {
            assert_eq!(examine(json).unsafe_number, found, "{json}");
        }
    }

    #[test]
    fn an_escape_that_stands_for_no_character_is_found() {
        for (json, found) in [
            (r#"{"a": "\u00e9\ud83d\ude00"}"#, None),
            (r#"{"a": ["b", "\ud800"]}"#, Some(r#""\ud800""#)),
            (r#"{"\udc00": 1}"#, Some(r#""\udc00""#)),
        ] {
            assert_eq!(examine(json).invalid_string, found, "{json}");
        }
    }
}
