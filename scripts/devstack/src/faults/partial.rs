//! Calls that fail in part: some parts are held back, the others are forwarded, and the
//! response reports both as AWS does.

use serde_json::{Map, Value, json};

/// The action whose entries can be rejected.
pub(super) const PUT_EVENTS: &str = "PutEvents";

/// The forwarded part of a call, and the parts that are held back.
pub(super) struct Split {
    pub(super) request: Value,
    held_back: HeldBack,
}

enum HeldBack {
    /// Entries of `PutEvents`, which fail with this code.
    Entries {
        /// Whether it is held back, for each entry of the request.
        which: Vec<bool>,
        code: &'static str,
    },
    /// Requests of `BatchWriteItem`, by table.
    Items(Map<String, Value>),
    /// Keys of `BatchGetItem`, by table.
    Keys(Map<String, Value>),
}

/// Holds back every second part of a request, starting with the first. Returns `None` for an
/// action without parts.
pub(super) fn split_in_half(action: &str, body: &[u8]) -> Option<Split> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let held_back = match action {
        PUT_EVENTS => {
            let entries = request.get_mut("Entries")?.as_array_mut()?;
            let which = every_second(entries.len());
            hold_back(entries, &which);
            HeldBack::Entries {
                which,
                code: "ThrottlingException",
            }
        }
        "BatchWriteItem" => {
            let tables = request.get_mut("RequestItems")?.as_object_mut()?;
            let held_back = tables.iter_mut().filter_map(|(table, requests)| {
                Some((
                    table.clone(),
                    Value::from(hold_back_half(requests.as_array_mut()?)),
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
                rest["Keys"] = hold_back_half(keys.get_mut("Keys")?.as_array_mut()?).into();
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

/// Rejects the entries of `PutEvents` with this text in their detail type or detail. Returns
/// `None` if there is none.
pub(super) fn split_entries(body: &[u8], containing: &str) -> Option<Split> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let entries = request.get_mut("Entries")?.as_array_mut()?;
    let which: Vec<bool> = entries
        .iter()
        .map(|entry| contains(entry, containing))
        .collect();
    if !which.contains(&true) {
        return None;
    }
    hold_back(entries, &which);
    let held_back = HeldBack::Entries {
        which,
        code: "InternalFailure",
    };
    Some(Split { request, held_back })
}

fn contains(entry: &Value, text: &str) -> bool {
    ["DetailType", "Detail"]
        .iter()
        .filter_map(|name| entry[name].as_str())
        .any(|value| value.contains(text))
}

fn hold_back_half(parts: &mut Vec<Value>) -> Vec<Value> {
    let which = every_second(parts.len());
    hold_back(parts, &which)
}

fn every_second(count: usize) -> Vec<bool> {
    (0..count).map(|index| index % 2 == 0).collect()
}

/// Removes and returns some parts.
fn hold_back(parts: &mut Vec<Value>, which: &[bool]) -> Vec<Value> {
    let (mut held_back, mut others) = (Vec::new(), Vec::new());
    for (part, is_held_back) in parts.drain(..).zip(which) {
        if *is_held_back {
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
            HeldBack::Entries { which, code } => {
                let given = answer["Entries"].take();
                let mut given = given.as_array().cloned().unwrap_or_default().into_iter();
                let failed = json!({
                    "ErrorCode": code,
                    "ErrorMessage": "rejected by an injected fault",
                });
                let entries: Vec<Value> = which
                    .into_iter()
                    .filter_map(|is_held_back| {
                        if is_held_back {
                            Some(failed.clone())
                        } else {
                            given.next()
                        }
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

    fn bytes(request: &Value) -> Vec<u8> {
        request.to_string().into_bytes()
    }

    #[test]
    fn every_second_entry_of_put_events_fails() {
        let request = bytes(&json!({"Entries": ["a", "b", "c"]}));
        let split = split_in_half(PUT_EVENTS, &request).unwrap();
        assert_eq!(split.request, json!({"Entries": ["b"]}));
        assert!(!split.is_empty());
        let answer = split.response(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}));
        assert_eq!(answer["FailedEntryCount"], 2);
        assert_eq!(answer["Entries"][0]["ErrorCode"], "ThrottlingException");
        assert_eq!(answer["Entries"][1], json!({"EventId": "1"}));
        assert_eq!(answer["Entries"][2]["ErrorCode"], "ThrottlingException");
    }

    #[test]
    fn entries_are_rejected_by_their_detail_type_or_detail() {
        let entry = |detail_type: &str, order: &str| {
            let detail = json!({"data": {"orderId": order}}).to_string();
            json!({"Source": "of 42", "DetailType": detail_type, "Detail": detail})
        };
        let entries = [entry("Created", "42"), entry("Cancelled", "43")];
        let request = bytes(&json!({"Entries": entries}));
        for (containing, rejected) in [("42", 0), ("\"orderId\":\"43\"", 1), ("Cancelled", 1)] {
            let accepted = 1 - rejected;
            let split = split_entries(&request, containing).unwrap();
            assert_eq!(split.request, json!({"Entries": [entries[accepted]]}));
            let given = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
            let answer = split.response(given);
            assert_eq!(answer["FailedEntryCount"], 1, "{containing}");
            let results = &answer["Entries"];
            assert_eq!(results[rejected]["ErrorCode"], "InternalFailure");
            assert_eq!(results[accepted], json!({"EventId": "1"}), "{containing}");
        }
        assert!(split_entries(&request, "Source").is_none());
        assert!(split_entries(b"no JSON", "42").is_none());
        assert!(split_entries(&request, "").unwrap().is_empty());
    }

    #[test]
    fn half_of_a_batch_write_is_left_unprocessed() {
        let request = bytes(&json!({"RequestItems": {"outbox": ["a", "b", "c", "d"]}}));
        let split = split_in_half("BatchWriteItem", &request).unwrap();
        assert_eq!(split.request["RequestItems"]["outbox"], json!(["b", "d"]));
        let answer = split.response(json!({"UnprocessedItems": {}}));
        assert_eq!(answer["UnprocessedItems"]["outbox"], json!(["a", "c"]));
    }

    #[test]
    fn half_of_the_keys_are_left_unprocessed() {
        let keys = json!({"Keys": ["a"], "ConsistentRead": true});
        let request = bytes(&json!({"RequestItems": {"outbox": keys}}));
        let split = split_in_half("BatchGetItem", &request).unwrap();
        assert!(split.is_empty());
        let answer = split.response(json!({}));
        assert_eq!(answer["Responses"], json!({"outbox": []}));
        assert_eq!(answer["UnprocessedKeys"]["outbox"], keys);
    }
}
