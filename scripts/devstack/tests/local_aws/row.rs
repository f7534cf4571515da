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
    let event_id = new_event_id();
    write_row_of(stack, age, &event_id).await;
    event_id
}

/// Writes a row of the event with this id.
pub(crate) async fn write_row_of(stack: &Stack, age: SignedDuration, event_id: &str) {
    let detail = json!({"id": event_id}).to_string();
    write(stack, age, event_id, 1, &detail).await;
}

/// Writes a row of an aggregate whose first event was published before.
pub(crate) async fn write_second_row(stack: &Stack) {
    let event_id = new_event_id();
    let detail = json!({"id": event_id}).to_string();
    write(stack, SignedDuration::ZERO, &event_id, 2, &detail).await;
}

pub(crate) fn new_event_id() -> String {
    Uuid::now_v7().to_string()
}

/// Writes a row that the bus never accepts: its detail is truncated.
pub(crate) async fn write_damaged_row(stack: &Stack, age: SignedDuration) {
    write(stack, age, &new_event_id(), 1, "{\"id\"").await;
}

/// Returns whether the row of this event is in the table and not parked.
pub(crate) async fn is_pending(stack: &Stack, event_id: &str) -> bool {
    let (aggregate_id, position) = key(event_id, 1);
    let found = stack.clients.dynamodb.get_item();
    let found = found
        .table_name(&stack.deployment.outbox_table)
        .key("aggregateId", AttributeValue::S(aggregate_id))
        .key("position", AttributeValue::S(position))
        .consistent_read(true)
        .send();
    let row = found.await.unwrap().item;
    row.is_some_and(|row| !row.contains_key("parked"))
}

/// Returns the key of an event's row.
fn key(event_id: &str, sequence: i64) -> (String, String) {
    let position = format!("{sequence:020}#{event_id}");
    (format!("order#{event_id}"), position)
}

async fn write(stack: &Stack, age: SignedDuration, event_id: &str, sequence: i64, detail: &str) {
    let committed_at = Timestamp::now() - age;
    let (aggregate_id, position) = key(event_id, sequence);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: i64| AttributeValue::N(number.to_string());
    stack
        .clients
        .dynamodb
        .put_item()
        .table_name(&stack.deployment.outbox_table)
        .item("aggregateId", text(&aggregate_id))
        .item("position", text(&position))
        .item("v", number(1))
        .item("sequence", number(sequence))
        .item("eventId", text(event_id))
        .item("source", text("orders"))
        .item("detailType", text("OrderNoted"))
        .item("detail", text(detail))
        .item("committedAt", number(committed_at.as_millisecond()))
        .send()
        .await
        .unwrap();
}
