//! Poison events: damaged when they are committed, as by a fault of their producer. The bus
//! never accepts them, so the relay parks them until they are edited.

use bytes::Bytes;
use serde_json::Value;

/// The action that commits events.
pub(super) const ACTION: &str = "TransactWriteItems";

/// Returns the request with its first event damaged, or `None` if it commits no event. The
/// last brace of the event's JSON is missing, which is easy to add in an editor.
pub(super) fn poisoned(action: &str, body: &[u8]) -> Option<Bytes> {
    if action != ACTION {
        return None;
    }
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let writes = request.get_mut("TransactItems")?.as_array_mut()?;
    let detail = writes.iter_mut().find_map(event_detail)?;
    let Value::String(text) = detail else {
        return None;
    };
    text.pop();
    Some(request.to_string().into())
}

/// Returns the detail of a write, if it puts a row of the outbox.
fn event_detail(write: &mut Value) -> Option<&mut Value> {
    let item = write.get_mut("Put")?.get_mut("Item")?;
    item.get("eventId")?;
    item.get_mut("detail")?.get_mut("S")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_last_brace_of_the_first_event_is_removed() {
        let put = |item: Value| json!({"Put": {"Item": item, "TableName": "t"}});
        let order = put(json!({"orderId": {"S": "42"}, "detail": {"S": "of an order"}}));
        let event = |detail: &str| put(json!({"eventId": {"S": "1"}, "detail": {"S": detail}}));
        let request = |events: [&str; 2]| {
            let [first, second] = events.map(event);
            json!({"TransactItems": [order, first, second], "ClientRequestToken": "c"})
        };
        let before = request([r#"{"a":"ä"}"#, r#"{"b":2}"#]).to_string();
        let after = poisoned(ACTION, before.as_bytes()).unwrap();
        let after: Value = serde_json::from_slice(&after).unwrap();
        assert_eq!(after, request([r#"{"a":"ä""#, r#"{"b":2}"#]));
        assert_eq!(poisoned("PutItem", before.as_bytes()), None);
        let without = json!({"TransactItems": [order]}).to_string();
        assert_eq!(poisoned(ACTION, without.as_bytes()), None);
        assert_eq!(poisoned(ACTION, b"no JSON"), None);
    }
}
