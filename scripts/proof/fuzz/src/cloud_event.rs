//! An event that a consumer receives, of this library or of another producer.

use outbox::{CloudEvent, json_problem};
use serde::de::IgnoredAny;

/// An event that is read is written as the same event, with its extensions and its data as they
/// were. Of one that can't be read, the problem is named.
pub fn cloud_event(bytes: &[u8]) {
    let event: CloudEvent = match serde_json::from_slice(bytes) {
        Ok(event) => event,
        Err(error) => {
            assert!(!json_problem(&error).is_empty());
            return;
        }
    };
    assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok());
    for (name, value) in event.extensions() {
        let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(!name.is_empty() && name.bytes().all(is_of_name), "{name:?}");
        assert_eq!(event.extension(name), Some(value));
    }
    let written = serde_json::to_string(&event).expect("an event is JSON");
    let again: CloudEvent = serde_json::from_str(&written).expect("an event that was written");
    assert_eq!(again, event);
}
