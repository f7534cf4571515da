//! The errors of a commit, and whether a retry may help.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};
use outbox::{CommitError, Outbox, Participant};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::fixture::*;

#[tokio::test]
async fn a_rejection_is_reported_and_not_retryable() {
    let client = dynamodb_in_process::start().await;
    let outbox = Outbox::new(client, "outbox", "things").unwrap();
    let fixture = Fixture {
        client: dynamodb_in_process::start().await,
        outbox,
    };
    let error = fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Refused { .. }), "{error:?}");
    assert!(!error.is_retryable());
    // DynamoDB doesn't say which table, so both are named.
    let said = error.to_string();
    assert!(said.contains("ResourceNotFoundException"), "{said}");
    assert!(said.ends_with(": outbox, things"), "{said}");
}

#[tokio::test]
async fn a_rejected_action_is_named_with_dynamodbs_reason() {
    let too_large = "Item size to update has exceeded the maximum allowed size";
    let reasons = json!([
        {"Code": "None"},
        {"Code": "ValidationError", "Message": too_large},
    ]);
    let error = commit_answered_with(400, canceled_for(&reasons)).await;
    let CommitError::Refused { rejection, .. } = &error else {
        panic!("{error:?}");
    };
    let [action] = &rejection.actions[..] else {
        panic!("{rejection:?}");
    };
    assert_eq!(action.participant, Participant::Event(0));
    assert_eq!(
        (&*action.code, &*action.message),
        ("ValidationError", too_large)
    );
    let said = error.to_string();
    assert!(
        said.starts_with(
            "DynamoDB rejected the transaction, nothing was written: event 0 outbox[aggregateId=thing#a, position="
        ),
        "{said}"
    );
    assert!(said.ends_with(too_large), "{said}");

    let conflict = commit_answered_with(400, canceled(["TransactionConflict", "None"])).await;
    assert_eq!(
        conflict.to_string(),
        "a concurrent request is writing one of the items, nothing was written: \
         aggregate things[pk=thing#a]: TransactionConflict"
    );
    let denied = json!({"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException",
        "Message": "not authorized to perform dynamodb:PutItem on table/things"});
    assert_eq!(
        commit_answered_with(400, denied).await.to_string(),
        "DynamoDB rejected the transaction, nothing was written: AccessDeniedException: \
         not authorized to perform dynamodb:PutItem on table/things"
    );
}

#[tokio::test]
async fn no_response_is_an_unknown_outcome_and_retryable() {
    // A port without a listener: bound, then closed.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = dynamodb_in_process::client(address);
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let fixture = Fixture { client, outbox };
    let error = fixture.create("a").commit().await.unwrap_err();
    assert!(matches!(error, CommitError::OutcomeUnknown(_)), "{error:?}");
    assert!(error.is_retryable());
}

/// Commits against a stub that returns the same response to every request.
async fn commit_answered_with(status: u16, answer: Value) -> CommitError {
    let stub = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_json(answer))
        .mount(&stub)
        .await;
    let client = dynamodb_in_process::client(*stub.address());
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let fixture = Fixture { client, outbox };
    fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap_err()
}

/// The SDK's own retries would hide that an attempt got no response.
#[tokio::test]
async fn a_commit_sends_its_three_attempts_and_no_other_requests() {
    let stub = MockServer::start().await;
    let failure = ResponseTemplate::new(500).set_body_json(other("InternalServerError"));
    Mock::given(any()).respond_with(failure).mount(&stub).await;
    let retrying = dynamodb_in_process::client(*stub.address())
        .config()
        .to_builder()
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::ZERO));
    let client = Client::from_conf(retrying.build());
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let fixture = Fixture { client, outbox };
    let error = fixture.create("a").commit().await.unwrap_err();
    assert!(matches!(error, CommitError::OutcomeUnknown(_)), "{error:?}");
    assert_eq!(stub.received_requests().await.unwrap().len(), 3);
}

fn other(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")})
}

fn canceled(codes: [&str; 2]) -> Value {
    canceled_for(&json!(codes.map(|code| json!({"Code": code}))))
}

fn canceled_for(reasons: &Value) -> Value {
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": reasons,
    })
}

#[tokio::test]
async fn conflicts_and_throttling_are_not_failed_conditions() {
    type IsExpected = fn(&CommitError) -> bool;
    let conflict: IsExpected = |error| matches!(error, CommitError::Conflict { .. });
    let throttled: IsExpected = |error| matches!(error, CommitError::Throttled { .. });
    let refused: IsExpected = |error| matches!(error, CommitError::Refused { .. });
    let unknown: IsExpected = |error| matches!(error, CommitError::OutcomeUnknown(_));
    let event_0: IsExpected = |error| {
        matches!(error, CommitError::ConditionFailed(failed)
            if failed.len() == 1 && failed[0].participant == Participant::Event(0))
    };
    let cases = [
        (
            400,
            canceled(["TransactionConflict", "None"]),
            conflict,
            true,
        ),
        (
            400,
            canceled(["TransactionConflict", "ThrottlingError"]),
            throttled,
            true,
        ),
        (
            400,
            canceled(["None", "ProvisionedThroughputExceeded"]),
            throttled,
            true,
        ),
        (
            400,
            canceled(["TransactionConflict", "ConditionalCheckFailed"]),
            event_0,
            false,
        ),
        (
            400,
            canceled(["TransactionConflict", "ValidationError"]),
            refused,
            false,
        ),
        (400, other("TransactionInProgressException"), unknown, true),
        (400, other("ThrottlingException"), throttled, true),
        (400, other("RequestLimitExceeded"), throttled, true),
        (400, other("AccessDeniedException"), refused, false),
        (500, other("InternalServerError"), unknown, true),
    ];
    for (status, answer, expected, retryable) in cases {
        let error = commit_answered_with(status, answer.clone()).await;
        assert!(expected(&error), "{answer}: {error:?}");
        assert_eq!(error.is_retryable(), retryable, "{answer}");
    }
}

#[tokio::test]
async fn after_an_attempt_without_response_only_a_condition_is_definite() {
    let unknown: fn(&CommitError) -> bool = |error| matches!(error, CommitError::OutcomeUnknown(_));
    let condition: fn(&CommitError) -> bool =
        |error| matches!(error, CommitError::ConditionFailed(_));
    for (after, expected) in [
        (other("ThrottlingException"), unknown),
        (other("TransactionInProgressException"), unknown),
        (other("AccessDeniedException"), unknown),
        (canceled(["TransactionConflict", "None"]), unknown),
        (canceled(["ThrottlingError", "None"]), unknown),
        (canceled(["ConditionalCheckFailed", "None"]), condition),
    ] {
        let stub = MockServer::start().await;
        let no_answer = ResponseTemplate::new(500).set_body_json(other("InternalServerError"));
        let first = Mock::given(any()).respond_with(no_answer).up_to_n_times(1);
        first.mount(&stub).await;
        let then = ResponseTemplate::new(400).set_body_json(&after);
        Mock::given(any()).respond_with(then).mount(&stub).await;
        let client = dynamodb_in_process::client(*stub.address());
        let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
        let fixture = Fixture { client, outbox };
        let error = fixture.create("a").commit().await.unwrap_err();
        assert!(expected(&error), "{after}: {error:?}");
    }
}

#[test]
fn a_source_that_eventbridge_rejects_is_an_error() {
    let client = dynamodb_in_process::client(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    for source in ["", "aws.orders", &"x".repeat(257)] {
        assert!(Outbox::new(client.clone(), "outbox", source).is_err());
    }
}
