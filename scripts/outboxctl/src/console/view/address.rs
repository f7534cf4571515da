//! The addresses of pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns the address of a row's page: its name is one segment of the path.
pub(in super::super) fn event_address(row: &str) -> String {
    format!("/events/{}", segment(row))
}

/// Returns the address of a group of parked rows.
pub(in super::super) fn group_address(code: &str) -> String {
    format!("/fix/parked/{}", segment(code))
}

/// Returns the address of a group of dead letters.
pub(in super::super) fn letters_address(code: &str) -> String {
    format!("/fix/letters/{}", segment(code))
}

/// Returns a text as a segment of a path.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(event_address("order#4/7"), "/events/order%234%2F7");
        assert_eq!(group_address("a\"><b"), "/fix/parked/a%22%3E%3Cb");
    }
}
