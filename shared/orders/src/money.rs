//! Amounts of money.

use std::fmt;

use iso_currency::Currency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// In minor units: 3900 EUR are 39.00 euros, 3900 JPY are 3900 yen.
    pub amount: u64,
    /// The ISO 4217 code.
    #[schemars(with = "String", regex(pattern = "^[A-Z]{3}$"))]
    pub currency: Currency,
}

impl Money {
    /// The largest amount that every JSON parser reads exactly, 2^53 - 1
    /// (RFC 8259, section 6).
    pub const MAX_AMOUNT: u64 = (1 << 53) - 1;
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.currency.code();
        let digits = usize::from(self.currency.exponent().unwrap_or(0));
        if digits == 0 {
            return write!(f, "{} {code}", self.amount);
        }
        let padded = format!("{:0>width$}", self.amount, width = digits + 1);
        let (major, minor) = padded.split_at(padded.len() - digits);
        write!(f, "{major}.{minor} {code}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_are_printed_as_the_currency_defines() {
        let cases = [
            (5, Currency::EUR, "0.05 EUR"),
            (3900, Currency::EUR, "39.00 EUR"),
            (3900, Currency::JPY, "3900 JPY"),
            (1, Currency::KWD, "0.001 KWD"),
        ];
        for (amount, currency, shown) in cases {
            assert_eq!(Money { amount, currency }.to_string(), shown);
        }
    }
}
