//! Rows of the outbox table for tests.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::RowKey;
use serde_json::json;
use uuid::Uuid;

/// The first row of an aggregate.
pub(crate) struct Row {
    pub(crate) aggregate_id: String,
    pub(crate) event_id: String,
    pub(crate) detail: String,
    pub(crate) parked: bool,
}

impl Row {
    pub(crate) fn new() -> Self {
        let order_id = Uuid::now_v7();
        let event_id = Uuid::now_v7().to_string();
        let aggregate_id = format!("order#{order_id}");
        Self {
            detail: json!({
                "specversion": "1.0", "id": event_id, "source": "orders",
                "type": "OrderCreated", "subject": aggregate_id, "data": {"orderId": order_id},
            })
            .to_string(),
            aggregate_id,
            event_id,
            parked: false,
        }
    }

    pub(crate) fn parked() -> Self {
        Self {
            parked: true,
            ..Self::new()
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/1", self.aggregate_id)
    }

    pub(crate) fn key(&self) -> RowKey {
        RowKey {
            aggregate_id: self.aggregate_id.clone(),
            position: format!("{:020}#{}", 1, self.event_id),
        }
    }

    pub(crate) fn item(&self) -> HashMap<String, AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: i64| AttributeValue::N(number.to_string());
        let now = jiff::Timestamp::now().as_millisecond();
        let key = self.key();
        let mut item = HashMap::from([
            ("aggregateId".to_owned(), text(&key.aggregate_id)),
            ("position".to_owned(), text(&key.position)),
            ("v".to_owned(), number(1)),
            ("sequence".to_owned(), number(1)),
            ("eventId".to_owned(), text(&self.event_id)),
            ("source".to_owned(), text("orders")),
            ("detailType".to_owned(), text("OrderCreated")),
            ("detail".to_owned(), text(&self.detail)),
            ("committedAt".to_owned(), number(now)),
        ]);
        if self.parked {
            let mark = HashMap::from([
                ("reason".to_owned(), text("InvalidArgument: no")),
                ("at".to_owned(), number(now)),
            ]);
            item.insert("parked".to_owned(), AttributeValue::M(mark));
        }
        item
    }

    /// Returns the dead letter that the relay sends when it parks the row.
    pub(crate) fn letter(&self, table: &str) -> String {
        json!({
            "table": table, "aggregateId": self.aggregate_id, "position": self.key().position,
            "eventId": self.event_id, "code": "InvalidArgument", "message": "no",
            "bytes": self.detail.len(), "sha256": "00", "at": jiff::Timestamp::now(),
        })
        .to_string()
    }
}
