//! An event with a damaged row, for the demo.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// An event whose row has a truncated detail, as a faulty script could write it.
pub(crate) struct DamagedEvent {
    pub(crate) order_id: String,
    pub(crate) event_id: String,
    /// The complete detail.
    pub(crate) detail: String,
}

impl DamagedEvent {
    /// Writes such a row to the outbox table.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub(crate) async fn write(clients: &Clients, deployment: &Deployment) -> Result<Self, Error> {
        let order_id = Uuid::now_v7().to_string();
        let event_id = Uuid::now_v7();
        let aggregate_id = format!("order#{order_id}");
        let now = Timestamp::now();
        let detail = json!({
            "specversion": "1.0",
            "id": event_id,
            "source": "orders",
            "type": "OrderCreated",
            "subject": aggregate_id,
            "time": now,
            "datacontenttype": "application/json",
            "dataschema": "urn:event-schema:orders:OrderCreated:1",
            "sequence": format!("{:020}", 1),
            "data": {
                "orderId": order_id,
                "customerId": "customer-7",
                "items": [{"productId": "teapot", "quantity": 1, "unitPrice": 1950}],
                "total": {"amount": 1950, "currency": "EUR"},
                "createdAt": now,
            },
        })
        .to_string();
        let cut_off: String = detail.chars().take(detail.len() / 2).collect();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        clients
            .dynamodb
            .put_item()
            .table_name(&deployment.outbox_table)
            .item("aggregateId", text(&aggregate_id))
            .item("position", text(&format!("{:020}#{event_id}", 1)))
            .item("v", AttributeValue::N("1".to_owned()))
            .item("sequence", AttributeValue::N("1".to_owned()))
            .item("eventId", text(&event_id.to_string()))
            .item("source", text("orders"))
            .item("detailType", text("OrderCreated"))
            .item("detail", text(&cut_off))
            .item(
                "committedAt",
                AttributeValue::N(now.as_millisecond().to_string()),
            )
            .send()
            .await
            .map_err(|error| Error::call("PutItem")(error.into()))?;
        let event_id = event_id.to_string();
        Ok(Self {
            order_id,
            event_id,
            detail,
        })
    }

    /// Returns the row's name for `outboxctl`.
    pub(crate) fn row(&self) -> String {
        format!("order#{}/1", self.order_id)
    }
}
