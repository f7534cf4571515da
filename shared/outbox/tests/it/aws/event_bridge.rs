//! The requests to EventBridge, and the results and errors that its responses mean.

use std::sync::Arc;

use outbox::{
    OutboxRow,
    ports::{CallError, EntryError, EventBus, PutResult},
};
use serde_json::{Value, json};

use super::stubs::{accepted, bus, responding};
use crate::memory::row;

fn rows(count: u64) -> Vec<Arc<OutboxRow>> {
    (1..=count)
        .map(|sequence| Arc::new(row("a", sequence)))
        .collect()
}

fn refused(code: &str) -> Value {
    json!({"ErrorCode": code, "ErrorMessage": "no"})
}

async fn put(count: u64, answer: Value) -> Vec<PutResult> {
    let stub = responding(200, answer).await;
    bus(&stub).put(&rows(count)).await.unwrap()
}

#[tokio::test]
async fn put_events_sends_the_row_as_it_is() {
    let stub = responding(200, json!({"FailedEntryCount": 0, "Entries": [accepted()]})).await;
    let mut sent = row("a", 1);
    sent.trace_header = Some("Root=1-5759e988-bd862e3fe1be46a994272793".into());
    let results = bus(&stub).put(&[Arc::new(sent)]).await.unwrap();
    assert_eq!(results, [PutResult::Accepted]);

    let request = &stub.received_requests().await.unwrap()[0];
    let body: Value = request.body_json().unwrap();
    assert_eq!(
        body,
        json!({"Entries": [{
            "Time": 1_795_510_800.5,
            "Source": "things",
            "DetailType": "Renamed",
            "Detail": "{\"sequence\":1}",
            "EventBusName": "orders",
            "TraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
        }]})
    );
}

#[tokio::test]
async fn accepted_means_an_event_id_and_no_error_code() {
    let answer = json!({"FailedEntryCount": 2, "Entries": [
        accepted(), {"EventId": "2", "ErrorCode": "InternalFailure"}, {}, {"EventId": ""},
    ]});
    let results = put(4, answer).await;
    assert_eq!(results[0], PutResult::Accepted);
    assert!(
        matches!(results[1], PutResult::Rejected(EntryError::Transient(_))),
        "{results:?}"
    );
    assert_eq!(results[2..], [PutResult::Unanswered, PutResult::Unanswered]);
}

#[tokio::test]
async fn entry_errors_are_sorted_by_their_codes() {
    type IsExpected = fn(&EntryError) -> bool;
    let content: IsExpected = |error| matches!(error, EntryError::Content(_));
    let configuration: IsExpected = |error| matches!(error, EntryError::Configuration(_));
    let transient: IsExpected = |error| matches!(error, EntryError::Transient(_));
    for (code, expected) in [
        ("MalformedDetail", content),
        ("InvalidArgument", content),
        ("RedactionFailure", content),
        ("NotAuthorizedForSourceException", configuration),
        ("NotAuthorizedForDetailTypeException", configuration),
        ("InvalidAccountIdException", configuration),
        ("AccessDeniedException", configuration),
        ("ThrottlingException", transient),
        ("InternalFailure", transient),
        ("InternalException", transient),
        ("SomethingNew", transient),
    ] {
        let results = put(
            1,
            json!({"FailedEntryCount": 1, "Entries": [refused(code)]}),
        )
        .await;
        let PutResult::Rejected(error) = &results[0] else {
            panic!("{code} accepted")
        };
        assert!(expected(error), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn a_failed_entry_count_above_the_errors_is_believed() {
    let results = put(
        2,
        json!({"FailedEntryCount": 1, "Entries": [accepted(), accepted()]}),
    )
    .await;
    assert_eq!(results, [PutResult::Unanswered, PutResult::Unanswered]);
}

#[tokio::test]
async fn a_short_list_of_results_stays_short() {
    assert_eq!(
        put(3, json!({"FailedEntryCount": 0, "Entries": [accepted()]}))
            .await
            .len(),
        1
    );
    assert!(put(3, json!({})).await.is_empty());
}

#[tokio::test]
async fn request_errors_are_sorted_by_their_codes() {
    type IsExpected = fn(&CallError) -> bool;
    let content: IsExpected = |error| matches!(error, CallError::Content(_));
    let configuration: IsExpected = |error| matches!(error, CallError::Configuration(_));
    let transient: IsExpected = |error| matches!(error, CallError::Transient(_));
    for (status, code, expected) in [
        (400, "AccessDeniedException", configuration),
        (400, "UnrecognizedClientException", configuration),
        (403, "InvalidSignatureException", configuration),
        (400, "ResourceNotFoundException", configuration),
        (400, "KMSAccessDeniedException", configuration),
        (400, "KMSThrottlingException", transient),
        (400, "ValidationException", content),
        (413, "Whatever", content),
        (400, "ThrottlingException", transient),
        (500, "InternalException", transient),
        (503, "ServiceUnavailable", transient),
        (400, "SomethingNew", transient),
    ] {
        let stub = responding(status, json!({"__type": code, "message": "no"})).await;
        let error = bus(&stub).put(&rows(1)).await.unwrap_err();
        assert!(expected(&error), "{code}: {error:?}");
        let requests = stub.received_requests().await.unwrap().len();
        assert_eq!(requests, 1, "{code}: the SDK must not repeat it");
    }
}

#[tokio::test]
async fn missing_permission_to_describe_the_bus_is_a_configuration_fault() {
    let stub = responding(400, json!({"__type": "AccessDeniedException"})).await;
    let error = bus(&stub).exists().await.unwrap_err();
    assert!(matches!(error, CallError::Configuration(_)), "{error:?}");
}
