//! The response of a function, as the result of a batch.

use serde::Deserialize;

use crate::record::Record;

/// The result of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    /// The record with this index and all after it have failed.
    FailureFrom(usize),
    CompleteFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventResponse {
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: Option<String>,
}

/// Parses the response of a function that reports batch item failures. A response
/// that is neither a success nor a valid partial failure is a complete failure.
pub(crate) fn read(payload: &str, batch: &[Record]) -> Verdict {
    if payload.trim().is_empty() {
        return Verdict::Success;
    }
    if is_empty(payload) {
        return Verdict::Success;
    }
    // What else is in the response is not read: its numbers may fit no type.
    let failures = match serde_json::from_str::<EventResponse>(payload) {
        Ok(response) if payload.trim_start().starts_with('{') => {
            response.batch_item_failures.unwrap_or_default()
        }
        _ => return Verdict::CompleteFailure,
    };
    let mut lowest: Option<usize> = None;
    for failure in failures {
        let index = failure
            .item_identifier
            .and_then(|id| batch.iter().position(|r| r.sequence_number.as_str() == id));
        let Some(index) = index else {
            return Verdict::CompleteFailure;
        };
        lowest = Some(lowest.map_or(index, |lowest| lowest.min(index)));
    }
    lowest.map_or(Verdict::Success, Verdict::FailureFrom)
}

/// What AWS calls an empty `EventResponse`, which was recorded for each of these.
fn is_empty(payload: &str) -> bool {
    let without_space: String = payload.split_ascii_whitespace().collect();
    matches!(without_space.as_str(), "null" | "\"\"" | "[]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_are_parsed_as_aws_documents() {
        let record = |number: &str| {
            Record::from_json(json!({
                "eventName": "INSERT",
                "dynamodb": {"SequenceNumber": number, "ApproximateCreationDateTime": 1},
            }))
            .unwrap()
        };
        let batch = [record("10"), record("11"), record("12")];
        for (payload, verdict) in [
            ("", Verdict::Success),
            ("null", Verdict::Success),
            ("{}", Verdict::Success),
            (r#"{"batchItemFailures": null}"#, Verdict::Success),
            (r#"{"batchItemFailures": []}"#, Verdict::Success),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "11"}]}"#,
                Verdict::FailureFrom(1),
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "12"}, {"itemIdentifier": "10"}]}"#,
                Verdict::FailureFrom(0),
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
                Verdict::CompleteFailure,
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
                Verdict::CompleteFailure,
            ),
            (
                r#"{"batchItemFailures": [{"itemidentifier": "11"}]}"#,
                Verdict::CompleteFailure,
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "99"}]}"#,
                Verdict::CompleteFailure,
            ),
            (r#"{"batchItemFailures": "11"}"#, Verdict::CompleteFailure),
            (
                r#"{"batchItemFailures": [], "took": [1e400, 123456789012345678901234567890]}"#,
                Verdict::Success,
            ),
            ("not json", Verdict::CompleteFailure),
            ("\"ok\"", Verdict::CompleteFailure),
            ("[]", Verdict::Success),
            (" [ ]\n", Verdict::Success),
            ("\"\"", Verdict::Success),
            ("[1]", Verdict::CompleteFailure),
            ("[null]", Verdict::CompleteFailure),
            ("[{}]", Verdict::CompleteFailure),
            ("0", Verdict::CompleteFailure),
            ("false", Verdict::CompleteFailure),
            ("[", Verdict::CompleteFailure),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": 11}]}"#,
                Verdict::CompleteFailure,
            ),
            (
                r#"{"batchItemFailures": [{"foo": null}]}"#,
                Verdict::CompleteFailure,
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "11"}, {"itemIdentifier": "11"}]}"#,
                Verdict::FailureFrom(1),
            ),
        ] {
            assert_eq!(read(payload, &batch), verdict, "{payload}");
        }
    }
}
