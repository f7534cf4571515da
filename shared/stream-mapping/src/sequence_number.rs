//! Sequence numbers of stream records.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A position in a shard: a decimal number of up to 40 digits, more than an integer
/// type can hold. Emulators write leading zeros, which are kept but ignored in
/// comparisons.
#[derive(Debug, Clone)]
pub struct SequenceNumber(String);

/// The error for text that is not a sequence number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a sequence number: it must have 1 to 40 decimal digits")]
pub struct InvalidSequenceNumber(String);

impl SequenceNumber {
    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn significant_digits(&self) -> &str {
        self.0.trim_start_matches('0')
    }
}

impl FromStr for SequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid =
            (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSequenceNumber(text.to_owned()))
        }
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for SequenceNumber {
    /// Compares by value: without leading zeros, the longer number is the larger one.
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.significant_digits(), other.significant_digits());
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SequenceNumber {}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_ordered_by_value(a in any::<u128>(), b in any::<u128>(), width in 0_usize..41) {
            let number = |value: u128| format!("{value:0width$}").parse::<SequenceNumber>().unwrap();
            let plain = b.to_string().parse::<SequenceNumber>().unwrap();
            prop_assert_eq!(number(a).cmp(&plain), a.cmp(&b));
        }
    }

    #[test]
    fn other_text_is_rejected() {
        for text in ["", "-1", "1.0", "x", &"1".repeat(41)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text:?}");
        }
    }
}
