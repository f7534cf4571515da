//! The envelope an event travels in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::event::{EventData, ExtensionValue, Traceparent, extension::Extensions};

/// An event as it travels: `CloudEvents` 1.0 in structured JSON, the `detail`
/// of the EventBridge event.
///
/// `source` and `id` together name the event; consumers recognise a repeated
/// delivery by them.
///
/// It can be deserialized from the events of any producer of `CloudEvents`, if they have a
/// `time`. Its [extensions](Self::extension) are kept; whatever else is in it is ignored:
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CloudEvent {
    /// The version of CloudEvents. An event of another version is an error.
    pub(super) specversion: SpecVersion,
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
    pub(super) datacontenttype: Option<String>,
    /// The URI of the data's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// Position in the aggregate's history, from 1. Events of an outbox always have it. In
    /// JSON it is text of 20 digits, which sorts as the number does (`CloudEvents`
    /// extension "sequence"). Other text is read as `None`.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The trace that the event belongs to. A malformed one is read as `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
    /// The business transaction the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<String>,
    /// The id of the event or command that caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    /// Attributes beyond those above.
    #[serde(flatten)]
    pub(super) extensions: Extensions,
    /// The event itself, as it was written.
    pub data: EventData,
    /// Binary data, which is an error: it is not supported.
    #[serde(skip_serializing)]
    pub(super) data_base64: (),
}

impl CloudEvent {
    /// Returns an extension: an attribute that neither CloudEvents nor this library defines. Its
    /// producer has set it by `Transaction::extension`, for example. `None` if there is none, or if
    /// its value is of no type that extensions have.
    ///
    /// ```
    /// use outbox::{CloudEvent, ExtensionValue};
    ///
    /// let event: CloudEvent = serde_json::from_str(
    ///     r#"{"specversion": "1.0", "id": "1", "source": "orders", "type": "OrderCreated",
    ///         "time": "2026-11-24T09:00:00Z", "tenantid": "t-17", "data": {}}"#,
    /// )?;
    /// let tenant = event.extension("tenantid").and_then(ExtensionValue::as_str);
    /// assert_eq!(tenant, Some("t-17"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn extension(&self, name: &str) -> Option<&ExtensionValue> {
        self.extensions.get(name)
    }

    /// Returns all extensions with their names, in the order of the names. See
    /// [`extension`](Self::extension) for an example of one.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &ExtensionValue)> {
        self.extensions
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}

/// The versions of CloudEvents that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum SpecVersion {
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

#[expect(clippy::ref_option, reason = "serde's signature")]
fn as_text<S: Serializer>(sequence: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    sequence.map(sequence_text).serialize(to)
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
    pub(crate) extensions: Extensions,
}

#[cfg(feature = "append")]
impl CloudEvent {
    pub(crate) fn new(
        event_type: &str,
        data_schema: Option<&str>,
        data: EventData,
        circumstances: Circumstances<'_>,
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
            extensions: circumstances.extensions,
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
