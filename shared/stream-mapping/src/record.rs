//! A record of the stream.

use jiff::Timestamp;
use serde_json::Value;

use crate::sequence_number::{InvalidSequenceNumber, SequenceNumber};

/// A record of the stream, as the function receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub(crate) sequence_number: SequenceNumber,
    pub(crate) created_at: Timestamp,
    pub(crate) json: Value,
    /// The length of the JSON text, which counts towards the 6 MB of an invocation.
    pub(crate) bytes: usize,
}

/// The error for JSON that is not a record of a DynamoDB stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// A required field is missing or has another type.
    #[error("the record has no {0}")]
    Missing(&'static str),
    /// The sequence number is invalid.
    #[error(transparent)]
    SequenceNumber(#[from] InvalidSequenceNumber),
}

impl Record {
    /// Parses a record in the format of Lambda's events. The function receives this
    /// JSON unchanged. Lambda writes the creation time as a number with a point or an
    /// exponent (`1.7955108E9`), emulators as an integer.
    ///
    /// # Errors
    ///
    /// If `eventName`, `dynamodb.SequenceNumber` or
    /// `dynamodb.ApproximateCreationDateTime` is missing.
    pub fn from_json(json: Value) -> Result<Self, InvalidRecord> {
        let text = |pointer, name| {
            let value = json.pointer(pointer).and_then(Value::as_str);
            value.ok_or(InvalidRecord::Missing(name))
        };
        let sequence_number = text("/dynamodb/SequenceNumber", "dynamodb.SequenceNumber")?;
        let created_at = json
            .pointer("/dynamodb/ApproximateCreationDateTime")
            .and_then(whole_seconds)
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or(InvalidRecord::Missing(
                "dynamodb.ApproximateCreationDateTime",
            ))?;
        text("/eventName", "eventName")?;
        Ok(Self {
            sequence_number: sequence_number.parse()?,
            created_at,
            bytes: json.to_string().len(),
            json,
        })
    }

    /// Returns the position in the shard.
    pub fn sequence_number(&self) -> &SequenceNumber {
        &self.sequence_number
    }

    /// Returns the record as the function receives it.
    pub fn json(&self) -> &Value {
        &self.json
    }
}

/// Returns an integer or a float as whole seconds.
fn whole_seconds(number: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
    let from_float = |seconds: f64| seconds.floor() as i64;
    number.as_i64().or_else(|| number.as_f64().map(from_float))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn creation_times_are_read_with_a_point_or_an_exponent() {
        for (number, seconds) in [
            ("1795510800", 1_795_510_800),
            ("1795510800.0", 1_795_510_800),
            ("1.7955108E9", 1_795_510_800),
            ("1.7955108e+9", 1_795_510_800),
            ("17955108e2", 1_795_510_800),
            ("1795510800.75", 1_795_510_800),
            ("0.0", 0),
        ] {
            let text = format!(
                r#"{{"eventName": "INSERT", "dynamodb":
                    {{"SequenceNumber": "1", "ApproximateCreationDateTime": {number}}}}}"#
            );
            let record = Record::from_json(serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(record.created_at.as_second(), seconds, "{number}");
        }
        for odd in [json!("1795510800"), json!(1e300), json!(true), json!([1])] {
            let record = json!({
                "eventName": "INSERT",
                "dynamodb": {"SequenceNumber": "1", "ApproximateCreationDateTime": odd},
            });
            assert!(Record::from_json(record).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        let whole = json!({
            "eventName": "INSERT",
            "dynamodb": {"SequenceNumber": "1", "ApproximateCreationDateTime": 1},
        });
        assert!(Record::from_json(whole.clone()).is_ok());
        for (pointer, message) in [
            ("/eventName", "the record has no eventName"),
            (
                "/dynamodb/SequenceNumber",
                "the record has no dynamodb.SequenceNumber",
            ),
            (
                "/dynamodb/ApproximateCreationDateTime",
                "the record has no dynamodb.ApproximateCreationDateTime",
            ),
        ] {
            let mut broken = whole.clone();
            *broken.pointer_mut(pointer).unwrap() = Value::Null;
            let error = Record::from_json(broken).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
