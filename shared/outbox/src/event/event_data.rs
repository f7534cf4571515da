//! The data of an event, carried as the JSON text it was written in.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json_problem::json_problem;
use crate::serde_failure::text_of_path;

/// The data of a [`CloudEvent`](crate::CloudEvent): JSON text, exactly as the producer
/// wrote it. Nothing is parsed before [`parse`](Self::parse), so no number, key
/// order or spelling changes on the way.
///
/// Deserialize it from JSON text, by `serde_json::from_str` for example. A
/// `serde_json::Value` holds 64-bit integers and floating-point numbers, so what is read
/// from one may have changed before. As a field of a type that is `untagged`, internally
/// tagged or flattened it is an error: serde reads those from a buffer.
///
/// ```
/// use outbox::CloudEvent;
///
/// let event: CloudEvent = serde_json::from_str(
///     r#"{"specversion": "1.0", "id": "1", "source": "shop", "type": "Weighed",
///         "time": "2026-11-24T09:00:00Z", "data": {"grams": 1.50}}"#,
/// )?;
/// assert_eq!(event.data.as_json(), r#"{"grams": 1.50}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventData(Box<RawValue>);

/// Data that is not what the consumer expects; see [`EventData::parse`] for an example. It quotes
/// nothing of the data, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct InvalidData {
    /// Where in the event: `data.items[0].price`, or `data`.
    pub path: String,
    /// What is wrong with the value: [`json_problem`](crate::json_problem).
    pub problem: String,
}

impl EventData {
    /// Returns the JSON text. See [`EventData`] for an example.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// Parses the data into a type of the consumer's own.
    ///
    /// A floating-point number becomes the `f64` or `f32` nearest to its decimal text, so an
    /// `f64` is read as the value that was written. `serde_json::Value` holds only 64-bit
    /// integers and floating-point numbers; for other numbers keep the text.
    ///
    /// ```
    /// use outbox::CloudEvent;
    /// use serde::Deserialize;
    ///
    /// #[derive(Debug, Deserialize)]
    /// struct Weighed {
    ///     grams: u64,
    /// }
    ///
    /// let event: CloudEvent = serde_json::from_str(
    ///     r#"{"specversion": "1.0", "id": "1", "source": "shop", "type": "Weighed",
    ///         "time": "2026-11-24T09:00:00Z", "data": {"grams": "many"}}"#,
    /// )?;
    /// let invalid = event.data.parse::<Weighed>().unwrap_err();
    /// assert_eq!(invalid.to_string(), "data.grams: invalid type, expected u64");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the data doesn't fit the type, with the path and the reason.
    pub fn parse<'d, T: Deserialize<'d>>(&'d self) -> Result<T, InvalidData> {
        let mut json = serde_json::Deserializer::from_str(self.as_json());
        serde_path_to_error::deserialize(&mut json).map_err(|error| InvalidData {
            path: match text_of_path(error.path()).as_str() {
                "." => "data".to_owned(),
                index if index.starts_with('[') => format!("data{index}"),
                field => format!("data.{field}"),
            },
            problem: json_problem(error.inner()),
        })
    }
}

#[cfg(feature = "append")]
impl From<Box<RawValue>> for EventData {
    fn from(json: Box<RawValue>) -> Self {
        Self(json)
    }
}

impl Default for EventData {
    /// Data that is missing is `null`.
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for EventData {
    /// Compares the texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> EventData {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_is_kept_as_it_was_written() {
        for json in [
            "1.5777777777770001",
            "5.55",
            "1e400",
            "-0",
            "1.0",
            "1E+2",
            "123456789012345678901234567890",
            r#"{"b": 1, "a": 2, "b": 3}"#,
            r#""\u0041\/""#,
        ] {
            let data = data(json);
            assert_eq!(data.as_json(), json);
            assert_eq!(serde_json::to_string(&data).unwrap(), json);
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error_with_its_path() {
        #[derive(Debug, Deserialize)]
        struct Weighed {
            #[expect(dead_code, reason = "only its path matters")]
            grams: Vec<u64>,
        }
        for (json, path) in [
            (r#"{"grams": [1, 18446744073709551616]}"#, "data.grams[1]"),
            (r#"{"grams": [1.5]}"#, "data.grams[0]"),
            (r#"{"grams": [1, 2, 1e400]}"#, "data.grams[2]"),
            (r#"{"weight": 1}"#, "data"),
            (r#"["grams"]"#, "data[0]"),
        ] {
            let error = data(json).parse::<Weighed>().unwrap_err();
            assert_eq!(error.path, path, "{error}");
        }
        let number = data("1e400").parse::<f64>().unwrap_err();
        assert!(number.problem.contains("out of range"));
    }
}
