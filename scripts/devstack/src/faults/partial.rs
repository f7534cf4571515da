//! Calls that fail in part: every second part is held back, the others are forwarded, and
//! the response reports both as AWS does.

use serde_json::{Map, Value, json};

/// The forwarded part of a call, and the parts that are held back.
pub(super) struct Split {
    pub(super) request: Value,
    held_back: HeldBack,
}

enum HeldBack {
    /// Of this many entries, those with an odd index.
    Entries(usize),
    /// Requests of `BatchWriteItem`, by table.
    Items(Map<String, Value>),
    /// Keys of `BatchGetItem`, by table.
    Keys(Map<String, Value>),
}

/// Splits a request. If it has only one part, that is held back. Returns `None` for an
/// action without parts.
pub(super) fn split(action: &str, mut request: Value) -> Option<Split> {
    let held_back = match action {
        "PutEvents" => {
            let entries = request.get_mut("Entries")?.as_array_mut()?;
            let count = entries.len();
            hold_back(entries);
            HeldBack::Entries(count)
        }
        "BatchWriteItem" => {
            let tables = request.get_mut("RequestItems")?.as_object_mut()?;
            let held_back = tables.iter_mut().filter_map(|(table, requests)| {
                Some((
                    table.clone(),
                    Value::from(hold_back(requests.as_array_mut()?)),
                ))
            });
            let held_back = held_back.collect();
            tables.retain(|_, requests| !requests.as_array().is_some_and(Vec::is_empty));
            HeldBack::Items(held_back)
        }
        "BatchGetItem" => {
            let tables = request.get_mut("RequestItems")?.as_object_mut()?;
            let held_back = tables.iter_mut().filter_map(|(table, keys)| {
                let mut rest = keys.clone();
                rest["Keys"] = hold_back(keys.get_mut("Keys")?.as_array_mut()?).into();
                Some((table.clone(), rest))
            });
            let held_back = held_back.collect();
            tables.retain(|_, keys| !keys["Keys"].as_array().is_some_and(Vec::is_empty));
            HeldBack::Keys(held_back)
        }
        _ => return None,
    };
    Some(Split { request, held_back })
}

/// Removes and returns every second part, starting with the first.
fn hold_back(parts: &mut Vec<Value>) -> Vec<Value> {
    let (mut held_back, mut others) = (Vec::new(), Vec::new());
    for (index, part) in parts.drain(..).enumerate() {
        if index % 2 == 0 {
            held_back.push(part);
        } else {
            others.push(part);
        }
    }
    *parts = others;
    held_back
}

impl Split {
    /// Returns whether nothing is left to be forwarded.
    pub(super) fn is_empty(&self) -> bool {
        match (&self.request["RequestItems"], &self.request["Entries"]) {
            (Value::Object(tables), _) => tables.is_empty(),
            (_, Value::Array(entries)) => entries.is_empty(),
            _ => true,
        }
    }

    /// Returns the response to the whole request, given that to the forwarded part.
    pub(super) fn response(self, mut answer: Value) -> Value {
        match self.held_back {
            HeldBack::Entries(count) => {
                let given = answer["Entries"].take();
                let mut given = given.as_array().cloned().unwrap_or_default().into_iter();
                let failed = json!({
                    "ErrorCode": "ThrottlingException",
                    "ErrorMessage": "held back by an injected fault",
                });
                let entries: Vec<Value> = (0..count)
                    .filter_map(|index| match index % 2 {
                        0 => Some(failed.clone()),
                        _ => given.next(),
                    })
                    .collect();
                let failed_count = entries
                    .iter()
                    .filter(|entry| entry.get("ErrorCode").is_some())
                    .count();
                json!({"FailedEntryCount": failed_count, "Entries": entries})
            }
            HeldBack::Items(tables) => {
                answer["UnprocessedItems"] = Value::Object(tables);
                answer
            }
            HeldBack::Keys(tables) => {
                if answer.get("Responses").is_none() {
                    let none = tables.keys().map(|table| (table.clone(), json!([])));
                    answer["Responses"] = Value::Object(none.collect());
                }
                answer["UnprocessedKeys"] = Value::Object(tables);
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_entry_of_put_events_fails() {
        let request = json!({"Entries": ["a", "b", "c"]});
        let split = split("PutEvents", request).unwrap();
        assert_eq!(split.request, json!({"Entries": ["b"]}));
        assert!(!split.is_empty());
        let answer = split.response(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}));
        assert_eq!(answer["FailedEntryCount"], 2);
        assert_eq!(answer["Entries"][0]["ErrorCode"], "ThrottlingException");
        assert_eq!(answer["Entries"][1], json!({"EventId": "1"}));
        assert_eq!(answer["Entries"][2]["ErrorCode"], "ThrottlingException");
    }

    #[test]
    fn half_of_a_batch_write_is_left_unprocessed() {
        let request = json!({"RequestItems": {"outbox": ["a", "b", "c", "d"]}});
        let split = split("BatchWriteItem", request).unwrap();
        assert_eq!(split.request["RequestItems"]["outbox"], json!(["b", "d"]));
        let answer = split.response(json!({"UnprocessedItems": {}}));
        assert_eq!(answer["UnprocessedItems"]["outbox"], json!(["a", "c"]));
    }

    #[test]
    fn half_of_the_keys_are_left_unprocessed() {
        let keys = json!({"Keys": ["a"], "ConsistentRead": true});
        let split = split("BatchGetItem", json!({"RequestItems": {"outbox": keys}})).unwrap();
        assert!(split.is_empty());
        let answer = split.response(json!({}));
        assert_eq!(answer["Responses"], json!({"outbox": []}));
        assert_eq!(answer["UnprocessedKeys"]["outbox"], keys);
    }
}
