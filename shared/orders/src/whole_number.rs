//! Whole numbers, as a command spells them.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Reads a whole number that is written in digits alone.
///
/// `20.0` and `2e1` are refused, although they are 20, too: prices are in minor
/// units, and what has a point is more likely meant as 20 euros than as 20 cents.
/// And no parser hands them over without rounding.
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
        i64::try_from(number).map_err(|_| self.refused())
    }

    /// Without the number, which is rounded by now.
    fn visit_f64<E: Error>(self, _: f64) -> Result<i64, E> {
        Err(self.refused())
    }
}

impl WholeNumber {
    fn refused<E: Error>(&self) -> E {
        E::custom(format_args!("must be {}", self as &dyn serde::de::Expected))
    }
}
