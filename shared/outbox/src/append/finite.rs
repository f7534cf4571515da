//! Finds floating-point numbers that JSON can't express. `serde_json` writes NaN and the
//! infinities as `null`, which consumers would read as a missing value.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{
        Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// Checks that every floating-point number in `value` is finite.
///
/// # Errors
///
/// With the path of the first number that is not.
pub(super) fn check_finite(value: &impl Serialize) -> Result<(), String> {
    serde_path_to_error::serialize(value, FiniteOnly)
        .map_err(|error| format!("{}: {}", error.path(), error.inner()))
}

/// Serializes to nothing, and fails on a number that is not finite.
struct FiniteOnly;

/// Why a number can't be in JSON.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotFinite(String);

impl Error for NotFinite {
    // The message is the type's own and may quote the value, and errors are logged.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("it can't be serialized".to_owned())
    }
}

type Checked = Result<(), NotFinite>;

/// Implements the methods for values that are always finite.
macro_rules! accept {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, _: $type) -> Checked {
            Ok(())
        })*
    };
}

impl Serializer for FiniteOnly {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    accept!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str),
    );

    fn serialize_f32(self, number: f32) -> Checked {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Checked {
        if number.is_finite() {
            Ok(())
        } else {
            Err(NotFinite(format!("JSON has no number {number}")))
        }
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NotFinite> {
        Ok(self)
    }
}

/// Implements the traits of types with elements or unnamed fields.
macro_rules! accept_elements {
    ($($trait:ident::$method:ident),* $(,)?) => {
        $(impl $trait for FiniteOnly {
            type Ok = ();
            type Error = NotFinite;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
                value.serialize(FiniteOnly)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

accept_elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
);

/// Implements the traits of types with named fields.
macro_rules! accept_fields {
    ($($trait:ident),* $(,)?) => {
        $(impl $trait for FiniteOnly {
            type Ok = ();
            type Error = NotFinite;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Checked {
                value.serialize(FiniteOnly)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

accept_fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for FiniteOnly {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Checked {
        key.serialize(FiniteOnly)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(FiniteOnly)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(f64),
        Tuple(u8, f64),
        Struct { side: f64 },
    }

    #[derive(Serialize)]
    struct Pair(u8, f64);

    #[derive(Serialize)]
    struct Wrapper(f64);

    /// A map with this key.
    struct Keyed(f64);

    impl Serialize for Keyed {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(self.0, "value")])
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_found_wherever_it_is() {
        let nan = f64::NAN;
        let map = BTreeMap::from([("a", [1.0, f64::NEG_INFINITY])]);
        let cases = [
            (check_finite(&nan), ".: JSON has no number NaN"),
            (check_finite(&f32::INFINITY), ".: JSON has no number inf"),
            (check_finite(&Some(nan)), ".: JSON has no number NaN"),
            (check_finite(&Wrapper(nan)), ".: JSON has no number NaN"),
            (check_finite(&Pair(1, nan)), "[1]: JSON has no number NaN"),
            (check_finite(&(1, nan)), "[1]: JSON has no number NaN"),
            (check_finite(&map), "a[1]: JSON has no number -inf"),
        ];
        for (checked, expected) in cases {
            assert_eq!(checked.unwrap_err(), expected);
        }
        for shape in [
            Shape::Newtype(nan),
            Shape::Tuple(1, nan),
            Shape::Struct { side: nan },
        ] {
            assert!(check_finite(&shape).is_err());
        }
        assert!(check_finite(&Keyed(nan)).is_err());
    }

    #[test]
    fn everything_else_passes() {
        let shapes = [
            Shape::Unit,
            Shape::Newtype(f64::MAX),
            Shape::Tuple(1, f64::MIN_POSITIVE),
            Shape::Struct { side: -0.0 },
        ];
        check_finite(&shapes).unwrap();
        check_finite(&(i128::MIN, u128::MAX, 'c', true, "text", ())).unwrap();
    }
}
