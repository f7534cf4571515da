//! The order of a stream's sequence numbers.

use std::cmp::Ordering;

/// Compares the sequence numbers of a stream by their value. They have up to 40 digits,
/// more than any integer type holds.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        for (a, b, order) in [
            ("9", "10", Ordering::Less),
            ("10", "10", Ordering::Equal),
            ("00010", "10", Ordering::Equal),
            ("00010", "9", Ordering::Greater),
            (
                "99999999999999999999999999999999999999",
                "100000000000000000000000000000000000000",
                Ordering::Less,
            ),
        ] {
            assert_eq!(compare(a, b), order, "{a} and {b}");
        }
    }
}
