//! Events as calls and records contain them.

use serde::Deserialize;
use serde_json::Value;

/// What is known about an event from its row or from its `CloudEvents` JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StoredEvent {
    pub(super) id: String,
    pub(super) row: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) trace_id: Option<String>,
}

/// The attributes of an event's JSON that are read here.
#[derive(Deserialize)]
struct Detail {
    id: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    subject: Option<String>,
    sequence: Option<String>,
    traceparent: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    order_id: Option<String>,
}

impl StoredEvent {
    /// Returns the event of a record of the outbox table's stream.
    pub(super) fn of_record(record: &Value) -> Option<Self> {
        Self::of_item(record.pointer("/dynamodb/NewImage")?)
    }

    /// Returns the event of an item in DynamoDB's JSON, if it is a row of the outbox.
    pub(super) fn of_item(item: &Value) -> Option<Self> {
        let text = |name: &str| item[name]["S"].as_str();
        let aggregate = text("aggregateId")?;
        text("position")?;
        let sequence = item["sequence"]["N"].as_str();
        // An event with a damaged detail is followed, too.
        let detail = text("detail").and_then(Self::of_detail).unwrap_or_default();
        Some(Self {
            id: text("eventId")?.to_owned(),
            row: sequence.map(|sequence| format!("{aggregate}/{sequence}")),
            event_type: text("detailType").map(str::to_owned),
            order_id: detail
                .order_id
                .or_else(|| aggregate.strip_prefix("order#").map(str::to_owned)),
            trace_id: detail.trace_id,
        })
    }

    /// Returns the event in `CloudEvents` JSON.
    pub(super) fn of_detail(detail: &str) -> Option<Self> {
        let detail: Detail = serde_json::from_str(detail).ok()?;
        let sequence = detail.sequence.map(|digits| {
            let significant = digits.trim_start_matches('0');
            significant.to_owned()
        });
        Some(Self {
            id: detail.id,
            row: detail
                .subject
                .zip(sequence)
                .map(|(subject, sequence)| format!("{subject}/{sequence}")),
            event_type: detail.event_type,
            order_id: detail.data.and_then(|data| data.order_id),
            trace_id: detail
                .traceparent
                .and_then(|parent| parent.split('-').nth(1).map(str::to_owned)),
        })
    }

    /// Returns the id of the event whose row has this key, in DynamoDB's JSON.
    pub(super) fn id_in_key(key: &Value) -> Option<&str> {
        let aggregate = key["aggregateId"]["S"].as_str()?;
        // Records of what operators decided are kept under this prefix.
        if aggregate.starts_with("discarded#") {
            return None;
        }
        let (_, id) = key["position"]["S"].as_str()?.split_once('#')?;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DETAIL: &str = r#"{"specversion": "1.0", "id": "e1", "type": "OrderCreated",
        "subject": "order#42", "sequence": "00000000000000000001",
        "traceparent": "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
        "data": {"orderId": "42", "total": {"amount": 1950}}}"#;

    fn event() -> StoredEvent {
        StoredEvent {
            id: "e1".to_owned(),
            row: Some("order#42/1".to_owned()),
            event_type: Some("OrderCreated".to_owned()),
            order_id: Some("42".to_owned()),
            trace_id: Some("5759e988bd862e3fe1be46a994272793".to_owned()),
        }
    }

    #[test]
    fn a_row_and_its_detail_describe_the_same_event() {
        let item = |detail: &str| {
            json!({
                "aggregateId": {"S": "order#42"},
                "position": {"S": "00000000000000000001#e1"},
                "sequence": {"N": "1"},
                "eventId": {"S": "e1"},
                "detailType": {"S": "OrderCreated"},
                "detail": {"S": detail},
            })
        };
        assert_eq!(StoredEvent::of_detail(DETAIL), Some(event()));
        assert_eq!(StoredEvent::of_item(&item(DETAIL)), Some(event()));
        let damaged = StoredEvent::of_item(&item("{"));
        let without_trace = StoredEvent {
            trace_id: None,
            ..event()
        };
        assert_eq!(damaged, Some(without_trace));
        assert_eq!(StoredEvent::id_in_key(&item("")), Some("e1"));
        let order = json!({"orderId": {"S": "42"}});
        assert_eq!(StoredEvent::of_item(&order), None);
        assert_eq!(StoredEvent::id_in_key(&order), None);
        let discarded =
            json!({"aggregateId": {"S": "discarded#order#42"}, "position": {"S": "1#e1"}});
        assert_eq!(StoredEvent::id_in_key(&discarded), None);
    }
}
