//! What is checked of the JSON text of an event's data.

use crate::limits::MAX_JSON_INTEGER;

/// What a walk over a JSON text has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Findings {
    /// Levels of nested arrays and objects.
    pub(super) depth: usize,
    /// The first number that many JSON readers would change: a whole number beyond
    /// 2^53 - 1, or one beyond the largest floating-point number.
    pub(super) unsafe_number: Option<String>,
}

/// Walks over a valid JSON text. Its numbers are looked at as they are written, since a
/// parser would have changed the ones that this is about.
pub(super) fn examine(json: &str) -> Findings {
    let bytes = json.as_bytes();
    let (mut at, mut depth, mut deepest) = (0, 0_usize, 0);
    let mut unsafe_number = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                let number = &json[at..end];
                if unsafe_number.is_none() && is_unsafe(number) {
                    unsafe_number = Some(number.to_owned());
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    Findings {
        depth: deepest,
        unsafe_number,
    }
}

/// Returns the place behind the quotation mark that ends the string beginning at `at`.
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

fn is_unsafe(number: &str) -> bool {
    let digits = number.trim_start_matches('-');
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
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
            assert_eq!(examine(json).unsafe_number.as_deref(), found, "{json}");
        }
    }
}
