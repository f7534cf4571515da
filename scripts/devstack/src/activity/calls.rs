//! What calls of functions mean for events.

use devstack_api::{Ignored, Publisher, PutResult, What};
use serde_json::Value;

use super::stored_event::StoredEvent;

/// The code of calls without an answer.
pub(super) const NO_ANSWER: &str = "no answer";

/// A call of a function to AWS.
#[derive(Debug)]
pub(super) struct Call<'c> {
    /// The function.
    pub(super) caller: Option<&'c str>,
    pub(super) action: &'c str,
    pub(super) request: &'c [u8],
    /// Whether a fault has damaged the event that it commits.
    pub(super) is_damaged: bool,
    /// The status and the body, or none if the connection was cut.
    pub(super) answer: Option<(u16, &'c [u8])>,
}

/// What a call means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Something happened to events.
    Events(Vec<(StoredEvent, What)>),
    /// Events were put on the bus. The number of the request is not known here.
    Put(Vec<(Option<StoredEvent>, Publisher, PutResult)>),
    /// A transaction of orders was not committed, for this reason.
    NotCommitted(String),
}

/// Returns whether calls of this action can mean anything.
pub(super) fn matters(action: &str) -> bool {
    matches!(
        action,
        "PutEvents" | "TransactWriteItems" | "BatchWriteItem" | "UpdateItem"
    )
}

impl Call<'_> {
    /// Returns what it means; `None` if nothing.
    pub(super) fn meaning(&self) -> Option<Meaning> {
        let request: Value = serde_json::from_slice(self.request).ok()?;
        match self.action {
            "PutEvents" => self.put_events(&request),
            "TransactWriteItems" => self.transaction(&request),
            "BatchWriteItem" => self.deletes(&request),
            "UpdateItem" => self.park(&request),
            _ => None,
        }
    }

    fn put_events(&self, request: &Value) -> Option<Meaning> {
        let entries = request["Entries"].as_array()?;
        let answer = self.answer();
        let results = answer.as_ref().map(|answer| &answer["Entries"]);
        let failed = self.error(answer.as_ref());
        let by = self.publisher();
        let put = entries.iter().enumerate().map(|(index, entry)| {
            let event = entry["Detail"].as_str().and_then(StoredEvent::of_detail);
            let result = match (&failed, results) {
                (Some(code), _) if code == NO_ANSWER => PutResult::NoAnswer,
                (Some(code), _) => PutResult::Rejected(code.clone()),
                (None, results) => {
                    let code = results.and_then(|results| results[index]["ErrorCode"].as_str());
                    code.map_or(PutResult::Accepted, |code| {
                        PutResult::Rejected(code.to_owned())
                    })
                }
            };
            (event, by.clone(), result)
        });
        Some(Meaning::Put(put.collect()))
    }

    fn transaction(&self, request: &Value) -> Option<Meaning> {
        let writes = request["TransactItems"].as_array()?;
        let items = || writes.iter().map(|write| &write["Put"]["Item"]);
        let answer = self.answer();
        if let Some(index) = items().position(is_inbox_record) {
            let record = &writes[index]["Put"]["Item"];
            let what = self.handled(writes, index, answer.as_ref());
            let event = StoredEvent {
                id: record["eventId"]["S"].as_str()?.to_owned(),
                ..StoredEvent::default()
            };
            return Some(Meaning::Events(vec![(event, what)]));
        }
        let events: Vec<StoredEvent> = items().filter_map(StoredEvent::of_item).collect();
        if events.is_empty() {
            return None;
        }
        if self.error(answer.as_ref()).is_some() {
            return self.reason(answer.as_ref()).map(Meaning::NotCommitted);
        }
        let by = self.caller.unwrap_or("unknown").to_owned();
        // A fault damages the first event of a call.
        let committed = events.into_iter().enumerate().map(|(index, event)| {
            let committed = What::Committed {
                by: by.clone(),
                is_damaged: self.is_damaged && index == 0,
            };
            (event, committed)
        });
        Some(Meaning::Events(committed.collect()))
    }

    /// Returns what a transaction with an inbox record means for its event.
    fn handled(&self, writes: &[Value], record: usize, answer: Option<&Value>) -> What {
        let Some(code) = self.reason(answer) else {
            let mut shipments = writes.iter().filter_map(shipment);
            let (shipment, status) = shipments.next().unwrap_or_default();
            return What::Handled { shipment, status };
        };
        let reasons = answer.map(|answer| &answer["CancellationReasons"]);
        let record = reasons.and_then(|reasons| reasons[record]["Code"].as_str());
        if record == Some("ConditionalCheckFailed") {
            let why = Ignored::HandledBefore;
            return What::Ignored { why };
        }
        What::NotHandled { code }
    }

    fn deletes(&self, request: &Value) -> Option<Meaning> {
        let answer = self.answer();
        if self.error(answer.as_ref()).is_some() {
            return None;
        }
        let mut deleted = Vec::new();
        for (table, requests) in request["RequestItems"].as_object()? {
            let left = answer
                .as_ref()
                .map(|answer| &answer["UnprocessedItems"][table]);
            let left = left.and_then(Value::as_array);
            for write in requests.as_array().into_iter().flatten() {
                let is_left = left.is_some_and(|left| left.contains(write));
                let id = StoredEvent::id_in_key(&write["DeleteRequest"]["Key"]);
                if let Some(id) = id.filter(|_| !is_left) {
                    let by = self.publisher();
                    deleted.push((with_id(id), What::Deleted { by }));
                }
            }
        }
        (!deleted.is_empty()).then_some(Meaning::Events(deleted))
    }

    fn park(&self, request: &Value) -> Option<Meaning> {
        if self.error(self.answer().as_ref()).is_some() {
            return None;
        }
        let names = request["ExpressionAttributeNames"].as_object()?;
        if !names.values().any(|name| name == "parked") {
            return None;
        }
        let id = StoredEvent::id_in_key(&request["Key"])?;
        let values = request["ExpressionAttributeValues"].as_object()?;
        let reason = values
            .values()
            .find_map(|value| value["M"]["reason"]["S"].as_str())?;
        let parked = What::Parked {
            by: self.publisher(),
            code: reason.split(':').next().map(str::to_owned),
        };
        Some(Meaning::Events(vec![(with_id(id), parked)]))
    }

    fn publisher(&self) -> Publisher {
        match self.caller {
            Some("publish-events") => Publisher::Relay,
            Some("sweep-outbox") => Publisher::Sweeper,
            Some(function) => Publisher::Function(function.to_owned()),
            None => Publisher::Unknown,
        }
    }

    fn answer(&self) -> Option<Value> {
        let (_, body) = self.answer?;
        Some(serde_json::from_slice(body).unwrap_or_default())
    }

    /// Returns the code of the error with which the whole call failed.
    fn error(&self, answer: Option<&Value>) -> Option<String> {
        match self.answer {
            None => Some(NO_ANSWER.to_owned()),
            Some((200, _)) => None,
            Some((status, _)) => {
                let code = answer.and_then(|answer| answer["__type"].as_str());
                // Some services put a namespace before it.
                let code = code.and_then(|code| code.rsplit('#').next());
                Some(code.map_or_else(|| format!("HTTP {status}"), str::to_owned))
            }
        }
    }

    /// Returns why a transaction was not committed: the first reason of its actions, or the code
    /// of the error.
    fn reason(&self, answer: Option<&Value>) -> Option<String> {
        let code = self.error(answer)?;
        let reasons = answer.and_then(|answer| answer["CancellationReasons"].as_array());
        let reasons = reasons.into_iter().flatten();
        let mut codes = reasons.filter_map(|reason| reason["Code"].as_str());
        let first = codes.find(|code| *code != "None");
        Some(first.map_or(code, str::to_owned))
    }
}

fn with_id(id: &str) -> StoredEvent {
    StoredEvent {
        id: id.to_owned(),
        ..StoredEvent::default()
    }
}

fn is_inbox_record(item: &Value) -> bool {
    ["consumer", "eventId", "eventTime"]
        .iter()
        .all(|name| item.get(name).is_some())
}

/// Returns the id and the status of a shipment that is written. One that stays as it is is only
/// checked, and has no status here.
fn shipment(write: &Value) -> Option<(String, Option<String>)> {
    let key = [&write["Put"]["Item"], &write["ConditionCheck"]["Key"]]
        .into_iter()
        .find_map(|item| item["pk"]["S"].as_str())?;
    let id = key.strip_prefix("shipment#")?;
    let status = write["Put"]["Item"]["status"]["S"].as_str();
    Some((id.to_owned(), status.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meaning(
        (caller, action): (&str, &str),
        request: &Value,
        answer: Option<(u16, Value)>,
    ) -> Option<Meaning> {
        let request = request.to_string();
        let answer = answer.map(|(status, body)| (status, body.to_string()));
        let call = Call {
            caller: Some(caller),
            action,
            request: request.as_bytes(),
            is_damaged: false,
            answer: answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_bytes())),
        };
        call.meaning()
    }

    const PUT: (&str, &str) = ("publish-events", "PutEvents");

    fn results(answer: Option<(u16, Value)>) -> Vec<PutResult> {
        let entry = |id: &str| json!({"Detail": json!({"id": id}).to_string()});
        let request = json!({"Entries": [entry("a"), entry("b")]});
        let Some(Meaning::Put(put)) = meaning(PUT, &request, answer) else {
            panic!("no put")
        };
        let ids = put.iter().map(|(event, _, _)| event.clone().unwrap().id);
        assert_eq!(ids.collect::<Vec<_>>(), ["a", "b"]);
        assert!(put.iter().all(|(_, by, _)| *by == Publisher::Relay));
        put.into_iter().map(|(_, _, result)| result).collect()
    }

    #[test]
    fn entries_are_accepted_rejected_or_without_an_answer() {
        let rejected = |code: &str| PutResult::Rejected(code.to_owned());
        let answer = json!({"Entries": [{"ErrorCode": "InternalFailure"}, {"EventId": "1"}]});
        assert_eq!(
            results(Some((200, answer))),
            [rejected("InternalFailure"), PutResult::Accepted]
        );
        let throttled = json!({"__type": "com.amazonaws#ThrottlingException"});
        let throttled = results(Some((400, throttled)));
        assert_eq!(throttled, vec![rejected("ThrottlingException"); 2]);
        let unreachable = results(Some((502, json!("no JSON object"))));
        assert_eq!(unreachable, vec![rejected("HTTP 502"); 2]);
        assert_eq!(results(None), vec![PutResult::NoAnswer; 2]);
    }

    const COMMIT: (&str, &str) = ("create-order", "TransactWriteItems");

    #[test]
    fn a_transaction_commits_its_events_or_has_a_reason() {
        let row = json!({
            "aggregateId": {"S": "order#42"}, "position": {"S": "1#e1"},
            "sequence": {"N": "1"}, "eventId": {"S": "e1"}, "detail": {"S": "{}"},
        });
        let put = |item: &Value| json!({"Put": {"Item": item}});
        let request = json!({"TransactItems": [put(&json!({"id": {"S": "42"}})), put(&row)]});
        let event = StoredEvent::of_item(&row).unwrap();
        let committed = What::Committed {
            by: "create-order".to_owned(),
            is_damaged: false,
        };
        assert_eq!(
            meaning(COMMIT, &request, Some((200, json!({})))),
            Some(Meaning::Events(vec![(event, committed)]))
        );
        let cancelled = json!({
            "__type": "TransactionCanceledException",
            "CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}],
        });
        for (answer, reason) in [
            (Some((400, cancelled)), "ThrottlingError"),
            (None, NO_ANSWER),
        ] {
            let reason = Some(Meaning::NotCommitted(reason.to_owned()));
            assert_eq!(meaning(COMMIT, &request, answer), reason);
        }
        let without = json!({"TransactItems": [put(&json!({"id": {"S": "42"}}))]});
        assert_eq!(meaning(COMMIT, &without, Some((200, json!({})))), None);
    }

    const HANDLE: (&str, &str) = ("start-shipping", "TransactWriteItems");

    #[test]
    fn shipping_handles_an_event_ignores_it_or_fails() {
        let request = json!({"TransactItems": [
            {"Put": {"Item": {"pk": {"S": "shipment#42"}, "status": {"S": "started"}}}},
            {"Put": {"Item": {"pk": {"S": "inbox#1"}, "consumer": {"S": "shipping"},
                "eventId": {"S": "e1"}, "eventTime": {"N": "1"}}}},
        ]});
        let cancelled = |first: &str, second: &str| {
            let body = json!({
                "__type": "TransactionCanceledException",
                "CancellationReasons": [{"Code": first}, {"Code": second}],
            });
            Some((400, body))
        };
        let not_handled = |code: &str| What::NotHandled {
            code: code.to_owned(),
        };
        for (answer, what) in [
            (
                Some((200, json!({}))),
                What::Handled {
                    shipment: "42".to_owned(),
                    status: Some("started".to_owned()),
                },
            ),
            (
                cancelled("None", "ConditionalCheckFailed"),
                What::Ignored {
                    why: Ignored::HandledBefore,
                },
            ),
            (
                cancelled("ConditionalCheckFailed", "None"),
                not_handled("ConditionalCheckFailed"),
            ),
            (None, not_handled(NO_ANSWER)),
        ] {
            let expected = Meaning::Events(vec![(with_id("e1"), what)]);
            assert_eq!(meaning(HANDLE, &request, answer), Some(expected));
        }
    }

    #[test]
    fn rows_are_deleted_unless_they_are_left_unprocessed() {
        let delete = |id: &str| {
            let key =
                json!({"aggregateId": {"S": "order#42"}, "position": {"S": format!("1#{id}")}});
            json!({"DeleteRequest": {"Key": key}})
        };
        let request = json!({"RequestItems": {"outbox": [delete("a"), delete("b")]}});
        let answer = json!({"UnprocessedItems": {"outbox": [delete("a")]}});
        let call = ("sweep-outbox", "BatchWriteItem");
        let by = Publisher::Sweeper;
        assert_eq!(
            meaning(call, &request, Some((200, answer))),
            Some(Meaning::Events(vec![(with_id("b"), What::Deleted { by })]))
        );
        assert_eq!(meaning(call, &request, None), None);
    }

    #[test]
    fn a_row_is_parked_with_the_code_of_its_reason() {
        let update = |name: &str| {
            json!({
                "Key": {"aggregateId": {"S": "order#42"}, "position": {"S": "1#e1"}},
                "ExpressionAttributeNames": {"#parked": name},
                "ExpressionAttributeValues":
                    {":mark": {"M": {"reason": {"S": "MalformedDetail: EOF"}}}},
            })
        };
        let call = ("publish-events", "UpdateItem");
        let parked = What::Parked {
            by: Publisher::Relay,
            code: Some("MalformedDetail".to_owned()),
        };
        let done = || Some((200, json!({})));
        assert_eq!(
            meaning(call, &update("parked"), done()),
            Some(Meaning::Events(vec![(with_id("e1"), parked)]))
        );
        assert_eq!(meaning(call, &update("other"), done()), None);
        let gone = json!({"__type": "ConditionalCheckFailedException"});
        assert_eq!(meaning(call, &update("parked"), Some((400, gone))), None);
    }
}
