//! Numbers as DynamoDB keeps them ("Number" under "Supported data types" in its
//! developer guide): 38 significant digits, magnitudes of 1E-130 to 9.99…E+125.

/// Significant digits of a number.
const MAX_DIGITS: usize = 38;

/// The powers of ten that the first digit of a number may have.
const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

/// A number by its value: equal for `1`, `1.0` and `10e-1`, as in DynamoDB.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    is_negative: bool,
    /// Significant digits, without zeros at either end; none for zero.
    digits: String,
    /// The power of ten of the first digit; 0 for zero.
    magnitude: i64,
}

impl Decimal {
    /// Reads a number as an attribute value carries it.
    ///
    /// # Errors
    ///
    /// Saying why DynamoDB would reject it, without the number: errors are logged.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let not_a_number = || "it is not a number".to_owned();
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                exponent.parse::<i32>().map_err(|_| not_a_number())?,
            ),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_a_number());
        }
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Ok(Self {
                is_negative: false,
                digits,
                magnitude: 0,
            });
        }
        // Both are lengths of a text in memory, far below the limits of i64.
        let places = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let magnitude =
            i64::from(exponent) + places(significant.len()) - places(fraction.len()) - 1;
        if digits.len() > MAX_DIGITS {
            return Err(format!(
                "the number has {} significant digits, DynamoDB keeps {MAX_DIGITS}",
                digits.len()
            ));
        }
        if !MAGNITUDES.contains(&magnitude) {
            let problem = "the number is out of DynamoDB's range, 1E-130 to 9.99E+125";
            return Err(problem.to_owned());
        }
        Ok(Self {
            is_negative,
            digits,
            magnitude,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_by_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("1", "+1"),
            ("1", "10e-1"),
            ("-0.5", "-5E-1"),
            ("0", "-0.00e9"),
            ("100", "1e2"),
            ("00.1", ".1"),
        ] {
            assert_eq!(Decimal::parse(one), Decimal::parse(other), "{one} {other}");
        }
        for (one, other) in [("1", "-1"), ("1", "10"), ("1", "1.1"), ("0", "1")] {
            assert_ne!(Decimal::parse(one), Decimal::parse(other), "{one} {other}");
        }
    }

    #[test]
    fn what_dynamodb_rejects_is_rejected() {
        for text in [
            "9.9999999999999999999999999999999999999e125",
            "1e-130",
            &"9".repeat(38),
            &format!("1{}", "0".repeat(100)),
            "-1E-130",
        ] {
            assert!(Decimal::parse(text).is_ok(), "{text}");
        }
        for (text, reason) in [
            ("", "is not a number"),
            ("NaN", "is not a number"),
            ("inf", "is not a number"),
            ("-inf", "is not a number"),
            ("1 ", "is not a number"),
            ("1e", "is not a number"),
            (".", "is not a number"),
            ("0x1", "is not a number"),
            (&"9".repeat(39), "has 39 significant digits"),
            ("1e126", "out of DynamoDB's range"),
            ("1e-131", "out of DynamoDB's range"),
        ] {
            let error = Decimal::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(text.len() < 4 || !error.contains(text), "{error}");
        }
    }
}
