//! The envelope an event travels in.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::event::{EventData, Traceparent, trace};

/// An event as it travels: `CloudEvents` 1.0 in structured JSON, the `detail`
/// of the EventBridge event.
///
/// `source` and `id` together name the event; consumers recognise a repeated
/// delivery by them.
///
/// It can be deserialized from the events of any producer of `CloudEvents`, if they have a
/// `time`. Unknown attributes are ignored:
///
/// ```
/// use outbox::CloudEvent;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct OrderCreated {
///     total: u64,
/// }
///
/// let event: CloudEvent = serde_json::from_str(
///     r#"{"specversion": "1.0", "id": "1", "source": "orders", "type": "OrderCreated",
///         "time": "2026-11-24T09:00:00Z", "data": {"total": 3900}}"#,
/// )?;
/// assert_eq!(event.event_type, "OrderCreated");
/// assert_eq!(event.data.parse::<OrderCreated>()?.total, 3900);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// The version of CloudEvents. An event of another version is an error.
    specversion: SpecVersion,
    /// Unique within `source`; a UUIDv7 if it is from an outbox.
    pub id: String,
    /// The service that published it.
    pub source: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The aggregate that it happened to. Events of an outbox always have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it was committed, by the writer's clock.
    #[serde(serialize_with = "at_least_milliseconds")]
    pub time: Timestamp,
    /// The media type of the data. Written as `application/json`, and not checked when an event
    /// is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    /// The URI of the data's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// Position in the aggregate's history, from 1. Events of an outbox always have it. In
    /// JSON it is text of 20 digits, which sorts as the number does (`CloudEvents`
    /// extension "sequence"). Other text is read as `None`.
    #[serde(default, with = "sequence")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The trace that the event belongs to. A malformed one is read as `None`.
    #[serde(default, deserialize_with = "trace::if_valid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
    /// The business transaction the event belongs to.
    #[serde(default, deserialize_with = "text_of_a_scalar")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<String>,
    /// The id of the event or command that caused this one.
    #[serde(default, deserialize_with = "text_of_a_scalar")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    /// The event itself, as it was written.
    #[serde(default)]
    pub data: EventData,
    /// Binary data, which is an error: it is not supported.
    #[serde(default, deserialize_with = "only_null", skip_serializing)]
    data_base64: (),
}

/// The versions of CloudEvents that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1_0,
}

/// Serializes a time with three decimal places, so that the size of an event doesn't depend
/// on the millisecond of its commit; with more if another producer's time has more.
fn at_least_milliseconds<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    if time.subsec_nanosecond() % 1_000_000 == 0 {
        to.collect_str(&format_args!("{time:.3}"))
    } else {
        to.collect_str(time)
    }
}

/// Returns a sequence as text that sorts as the number does.
pub(crate) fn sequence_text(sequence: u64) -> String {
    format!("{sequence:020}")
}

/// Deserializes an attribute that other producers may send as a number or a boolean, whose
/// spelling is kept. Empty text is read as `None`.
fn text_of_a_scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let found = Box::<RawValue>::deserialize(from)?;
    Ok(match found.get() {
        "null" => None,
        text if text.starts_with('"') => string(&found).filter(|text| !text.is_empty()),
        list_or_object if list_or_object.starts_with(['[', '{']) => None,
        scalar => Some(scalar.to_owned()),
    })
}

/// Returns the text of a JSON string; `None` for any other JSON value.
pub(crate) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Deserializes an attribute that must be missing or null.
fn only_null<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    match Option::<IgnoredAny>::deserialize(from)? {
        None => Ok(()),
        Some(_) => Err(serde::de::Error::custom(
            "data_base64 cannot be read, only JSON in data",
        )),
    }
}

/// The sequence as text.
mod sequence {
    use super::{
        Deserialize, Deserializer, RawValue, Serialize, Serializer, sequence_text, string,
    };

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        sequence: &Option<u64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        sequence.map(sequence_text).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        let found = Box::<RawValue>::deserialize(from)?;
        Ok(string(&found).and_then(|text| text.parse().ok()))
    }
}

/// The attributes of an event that its own type doesn't know.
#[cfg(feature = "append")]
pub(crate) struct Circumstances<'a> {
    pub(crate) id: uuid::Uuid,
    pub(crate) source: &'a str,
    /// The aggregate's id.
    pub(crate) subject: &'a str,
    /// When its transaction was created.
    pub(crate) time: Timestamp,
    /// Its position in the aggregate's history.
    pub(crate) sequence: u64,
    pub(crate) traceparent: Option<&'a Traceparent>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
}

#[cfg(feature = "append")]
impl CloudEvent {
    pub(crate) fn new(
        event_type: &str,
        data_schema: Option<&str>,
        data: EventData,
        circumstances: &Circumstances<'_>,
    ) -> Self {
        Self {
            specversion: SpecVersion::V1_0,
            id: circumstances.id.to_string(),
            source: circumstances.source.to_owned(),
            event_type: event_type.to_owned(),
            subject: Some(circumstances.subject.to_owned()),
            time: circumstances.time,
            datacontenttype: Some("application/json".to_owned()),
            dataschema: data_schema.map(str::to_owned),
            sequence: Some(circumstances.sequence),
            traceparent: circumstances.traceparent.cloned(),
            correlationid: circumstances.correlation_id.map(str::to_owned),
            causationid: circumstances.causation_id.map(str::to_owned),
            data,
            data_base64: (),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, a time and JSON are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Value {
        json!({
            "specversion": "1.0",
            "id": "019ad0c5-0a4c-7000-8000-000000000001",
            "source": "orders",
            "type": "OrderCreated",
            "subject": "order#1",
            "time": "2026-11-24T09:00:00.000Z",
            "datacontenttype": "application/json",
            "dataschema": "urn:orders:OrderCreated:1",
            "sequence": "00000000000000000042",
            "traceparent": "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "correlationid": "request-1",
            "causationid": "command-1",
            "data": {"total": 3900},
        })
    }

    #[test]
    fn a_written_event_is_read_back() {
        let read = CloudEvent::deserialize(event()).unwrap();
        assert_eq!(read.sequence, Some(42));
        assert_eq!(serde_json::to_value(read).unwrap(), event());
    }

    #[test]
    fn a_time_has_milliseconds_even_if_they_are_zero() {
        let mut event = event();
        event["time"] = json!("2026-11-24T09:00:00Z");
        let read = CloudEvent::deserialize(event).unwrap();
        let written = serde_json::to_value(read).unwrap();
        assert_eq!(written["time"], "2026-11-24T09:00:00.000Z");
    }

    #[test]
    fn events_of_other_producers_are_read() {
        let event = json!({
            "specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "t",
            "time": "2026-11-24T10:00:00+01:00", "sequence": "a1", "traceparent": 7,
            "partitionkey": "unknown", "correlationid": 42, "causationid": "",
        });
        let read = CloudEvent::deserialize(event).unwrap();
        assert_eq!(read.correlationid.as_deref(), Some("42"));
        assert_eq!(read.causationid, None);
        assert_eq!((read.sequence, read.traceparent), (None, None));
        assert_eq!((read.subject, read.data.as_json()), (None, "null"));
    }

    #[test]
    fn null_counts_as_unset_for_every_optional_attribute() {
        let optional = [
            "subject",
            "datacontenttype",
            "dataschema",
            "sequence",
            "traceparent",
            "correlationid",
            "causationid",
            "data_base64",
        ];
        let mut event = event();
        for attribute in optional {
            event[attribute] = Value::Null;
        }
        let read = CloudEvent::deserialize(event).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        for attribute in optional {
            assert_eq!(written.get(attribute), None, "{attribute}");
        }
        assert_eq!(written["data"], json!({"total": 3900}));
    }

    #[test]
    fn numbers_of_any_size_and_form_keep_their_spelling() {
        let read = |attributes: &str| -> CloudEvent {
            let json = format!(
                r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",
                    "time":"2026-11-24T10:00:00.123456789Z",{attributes}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        for number in [
            "1.5777777777770001",
            "98.88339545701953",
            "1e400",
            "12345678901234567890123",
            "-0",
            "1.0",
        ] {
            let event = read(&format!(
                r#""correlationid":{number},"unknown":{number},"sequence":{number},
                   "traceparent":{number},"data":[{number}]"#
            ));
            assert_eq!(event.correlationid.as_deref(), Some(number));
            assert_eq!((event.sequence, &event.traceparent), (None, &None));
            let written = serde_json::to_string(&event).unwrap();
            assert!(
                written.contains(&format!(r#""data":[{number}]"#)),
                "{written}"
            );
            assert!(written.contains(r#""time":"2026-11-24T10:00:00.123456789Z""#));
        }
    }

    #[test]
    fn missing_or_invalid_attributes_are_errors() {
        for (field, value, says) in [
            ("specversion", json!("0.3"), "expected `1.0`"),
            ("time", json!("yesterday"), "year"),
            ("id", Value::Null, "invalid type: null"),
            ("data_base64", json!("AA=="), "only JSON in data"),
        ] {
            let mut event = event();
            event[field] = value;
            let error = CloudEvent::deserialize(event).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        for field in ["specversion", "id", "source", "type", "time"] {
            let mut event = event();
            event.as_object_mut().unwrap().remove(field);
            let error = CloudEvent::deserialize(event).unwrap_err().to_string();
            assert!(
                error.contains(&format!("missing field `{field}`")),
                "{error}"
            );
        }
    }
}
