use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::row::sequence_text;

/// An event as it travels: `CloudEvents` 1.0 in structured JSON, the `detail`
/// of the EventBridge event.
///
/// `source` and `id` together name the event; consumers recognise a repeated
/// delivery by them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    /// Unique for ever within `source`.
    pub id: Uuid,
    /// Which service says so.
    pub source: String,
    /// What kind of event this is.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The aggregate it happened to.
    pub subject: String,
    /// When it was committed, by the writer's clock.
    #[serde(serialize_with = "with_milliseconds")]
    pub time: Timestamp,
    datacontenttype: &'static str,
    /// Where the schema of the data is found, a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// Position in the aggregate's history, from 1; 20 digits as text, so that
    /// it sorts as a number does (`CloudEvents` extension "sequence").
    pub sequence: String,
    /// The trace the event belongs to, in W3C's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The business transaction the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlationid: Option<String>,
    /// The id of the event or command that caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    /// The event itself.
    pub data: Value,
}

/// Always with three digits, so that the size of an event does not depend on
/// the millisecond it is committed in.
fn with_milliseconds<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{time:.3}"))
}

/// What one event does not say of itself.
pub(crate) struct Circumstances<'a> {
    pub(crate) id: Uuid,
    pub(crate) source: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
}

impl CloudEvent {
    pub(crate) fn new(
        event_type: &str,
        data_schema: Option<&str>,
        data: Value,
        circumstances: &Circumstances<'_>,
    ) -> Self {
        Self {
            specversion: "1.0",
            id: circumstances.id,
            source: circumstances.source.to_owned(),
            event_type: event_type.to_owned(),
            subject: circumstances.subject.to_owned(),
            time: circumstances.time,
            datacontenttype: "application/json",
            dataschema: data_schema.map(str::to_owned),
            sequence: sequence_text(circumstances.sequence),
            traceparent: circumstances.traceparent.map(str::to_owned),
            correlationid: circumstances.correlation_id.map(str::to_owned),
            causationid: circumstances.causation_id.map(str::to_owned),
            data,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, a time and JSON are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_even_if_they_are_none() {
        let event = CloudEvent::new(
            "OrderCreated",
            None,
            Value::Null,
            &Circumstances {
                id: Uuid::nil(),
                source: "orders",
                subject: "order#1",
                time: "2026-11-24T09:00:00Z".parse().unwrap(),
                sequence: 1,
                traceparent: None,
                correlation_id: None,
                causation_id: None,
            },
        );
        let json: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(json["time"], "2026-11-24T09:00:00.000Z");
    }
}
