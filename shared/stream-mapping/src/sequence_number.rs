use std::{cmp::Ordering, fmt, str::FromStr};

/// A place in a shard: a decimal number of up to 40 digits, which no integer
/// type holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SequenceNumber(String);

/// Text that is no sequence number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no sequence number: 1 to 40 decimal digits without leading zeros")]
pub struct InvalidSequenceNumber(String);

impl SequenceNumber {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
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
    /// By value: without leading zeros the longer number is the larger one.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.cmp(&other.0))
    }
}

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
        fn numbers_are_ordered_by_value(a in any::<u128>(), b in any::<u128>()) {
            let number = |value: u128| value.to_string().parse::<SequenceNumber>().unwrap();
            prop_assert_eq!(number(a).cmp(&number(b)), a.cmp(&b));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "01", "-1", "1.0", "x", &"1".repeat(41)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text:?}");
        }
    }
}
