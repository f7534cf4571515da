//! Whole numbers in the JSON of a command.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Deserializes a whole number that is written with digits only.
///
/// `20.0` and `2e1` are rejected although they equal 20: prices are in minor
/// units, and a number with a decimal point more likely means 20 euros than 20
/// cents. Also, the JSON parser would round them.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    from.deserialize_i64(WholeNumber)
}

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of up to 18 digits, without point or exponent")
    }

    fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| self.rejected())
    }

    /// The message does not contain the number, since the parser has rounded it.
    fn visit_f64<E: Error>(self, _: f64) -> Result<i64, E> {
        Err(self.rejected())
    }
}

impl WholeNumber {
    fn rejected<E: Error>(&self) -> E {
        E::custom(format_args!("must be {}", self as &dyn serde::de::Expected))
    }
}
