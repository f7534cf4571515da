//! DynamoDB's numbers: decimal and exact.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A decimal number: `mantissa * 10^exponent`, without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    mantissa: i128,
    exponent: i32,
}

impl Number {
    fn new(mut mantissa: i128, mut exponent: i32) -> Self {
        if mantissa == 0 {
            exponent = 0;
        }
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa, exponent }
    }

    /// Returns both mantissas at the lower exponent; `None` if one doesn't fit.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |number: Self| {
            let places = u32::try_from(number.exponent - exponent).ok()?;
            10_i128.checked_pow(places)?.checked_mul(number.mantissa)
        };
        Some((scaled(self)?, scaled(other)?, exponent))
    }

    /// Returns the sum; `None` if it doesn't fit.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let (a, b, exponent) = self.aligned(other)?;
        Some(Self::new(a.checked_add(b)?, exponent))
    }

    /// Returns the difference; `None` if it doesn't fit.
    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self::new(-other.mantissa, other.exponent))
    }

    /// Returns the position of the first digit before the decimal point.
    fn magnitude(self) -> i64 {
        let digits = self.mantissa.unsigned_abs().checked_ilog10().unwrap_or(0);
        i64::from(self.exponent) + i64::from(digits)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some((a, b, _)) = self.aligned(*other) {
            return a.cmp(&b);
        }
        // They differ too much in size to be aligned, so sign and size decide.
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        signs.then_with(|| {
            let sizes = self.magnitude().cmp(&other.magnitude());
            if self.mantissa < 0 {
                sizes.reverse()
            } else {
                sizes
            }
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a number of at most 38 digits");
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse().map_err(|_| invalid())?),
            None => (text, 0_i32),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let places = i32::try_from(fraction.len()).map_err(|_| invalid())?;
        let mantissa = format!("{whole}{fraction}")
            .parse()
            .map_err(|_| invalid())?;
        let exponent = exponent.checked_sub(places).ok_or_else(invalid)?;
        Ok(Self::new(mantissa, exponent))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        if self.exponent > 40 || places > 40 {
            write!(f, "{sign}{digits}E{}", self.exponent)
        } else if self.exponent >= 0 {
            let zeros = usize::try_from(self.exponent).unwrap_or(0);
            write!(f, "{sign}{digits}{}", "0".repeat(zeros))
        } else {
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            write!(f, "{sign}{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn numbers_compare_by_value() {
        for (a, b, order) in [
            ("1", "1.0", Ordering::Equal),
            ("1e2", "100", Ordering::Equal),
            ("-2", "1", Ordering::Less),
            ("9.99E125", "1E-130", Ordering::Greater),
            ("-9.99E125", "1E-130", Ordering::Less),
            ("-9.99E125", "-1E-130", Ordering::Less),
            ("0", "0.0", Ordering::Equal),
        ] {
            assert_eq!(number(a).cmp(&number(b)), order, "{a} and {b}");
        }
    }

    #[test]
    fn sums_are_exact() {
        for (a, b, sum) in [
            ("0.1", "0.2", "0.3"),
            ("-1", "1", "0"),
            ("1e3", "5", "1005"),
        ] {
            let result = number(a).plus(number(b)).expect("a sum");
            assert_eq!(result.to_string(), sum);
        }
        assert_eq!(
            number("1")
                .minus(number("2.5"))
                .map(|n| n.to_string())
                .as_deref(),
            Some("-1.5")
        );
    }
}
