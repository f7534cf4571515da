use jiff::Timestamp;
use serde_json::Value;

use crate::sequence_number::{InvalidSequenceNumber, SequenceNumber};

/// A record of the stream, as the function gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub(crate) sequence_number: SequenceNumber,
    pub(crate) created_at: Timestamp,
    pub(crate) json: Value,
    pub(crate) bytes: usize,
}

/// JSON that is no record of a DynamoDB stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// A field every record has is missing or has another type.
    #[error("the record has no {0}")]
    Missing(&'static str),
    /// Its place in the shard cannot be read.
    #[error(transparent)]
    SequenceNumber(#[from] InvalidSequenceNumber),
}

impl Record {
    /// A record in the form Lambda hands to functions; everything in it goes to
    /// the function as it is.
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
            .and_then(Value::as_i64)
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

    /// Its place in the shard.
    pub fn sequence_number(&self) -> &SequenceNumber {
        &self.sequence_number
    }

    /// The record as the function gets it.
    pub fn json(&self) -> &Value {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_named() {
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
