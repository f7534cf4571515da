//! Rows of the outbox, written without the service.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

/// An age at which the sweeper publishes a row.
pub(crate) const OLD: SignedDuration = SignedDuration::from_mins(16);

/// Writes a row with this age. Returns the id of its event, which shipping ignores.
pub(crate) async fn write_row(stack: &Stack, age: SignedDuration) -> String {
    let event_id = Uuid::now_v7().to_string();
    let detail = json!({"id": event_id}).to_string();
    write(stack, age, &event_id, &detail).await;
    event_id
}

/// Writes a row that the bus never accepts: its detail is truncated.
pub(crate) async fn write_damaged_row(stack: &Stack, age: SignedDuration) {
    write(stack, age, &Uuid::now_v7().to_string(), "{\"id\"").await;
}

async fn write(stack: &Stack, age: SignedDuration, event_id: &str, detail: &str) {
    let committed_at = Timestamp::now() - age;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: i64| AttributeValue::N(number.to_string());
    stack
        .clients
        .dynamodb
        .put_item()
        .table_name(&stack.deployment.outbox_table)
        .item("aggregateId", text(&format!("order#{event_id}")))
        .item("position", text(&format!("{:020}#{event_id}", 1)))
        .item("v", number(1))
        .item("sequence", number(1))
        .item("eventId", text(event_id))
        .item("source", text("orders"))
        .item("detailType", text("OrderNoted"))
        .item("detail", text(detail))
        .item("committedAt", number(committed_at.as_millisecond()))
        .send()
        .await
        .unwrap();
}
