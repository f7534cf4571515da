//! Large data on its way out of S3.

use outbox::{
    CloudEvent,
    claim_check::{ClaimCheck, ReadError},
    inbox::{LargeMessageError, Subscription, UnexpectedEvent},
};
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::MockServer;

use super::{
    publish::{Made, change, services},
    s3::{Objects, bucket, claim_check, error, responding},
};

/// What a consumer has: S3, and an event whose data is there.
struct Consumer {
    stub: MockServer,
    objects: Objects,
    event: CloudEvent,
}

impl Consumer {
    async fn start() -> Self {
        let (stub, objects) = bucket().await;
        let aws = services();
        let rows = json!({"id": "1", "rows": "x".repeat(100)});
        let transaction = change(&aws).event(&Made(rows));
        let stored = transaction.store_large_data(&claim_check(&stub)).await;
        stored.unwrap().commit().await.unwrap();
        let event = aws.appended().remove(0);
        Self {
            stub,
            objects,
            event,
        }
    }

    fn claim_check(&self) -> ClaimCheck {
        claim_check(&self.stub)
    }

    /// Returns the event with another value of this attribute, or without it.
    fn event_with(&self, attribute: &str, value: Option<Value>) -> CloudEvent {
        let mut event = serde_json::to_value(&self.event).unwrap();
        match value {
            Some(value) => event[attribute] = value,
            None => drop(event.as_object_mut().unwrap().remove(attribute)),
        }
        serde_json::from_value(event).unwrap()
    }

    async fn gets(&self) -> usize {
        let requests = self.stub.received_requests().await.unwrap();
        let is_get = |request: &&wiremock::Request| request.method.as_str() == "GET";
        requests.iter().filter(is_get).count()
    }
}

#[tokio::test]
async fn an_object_that_was_deleted_is_missing_and_no_empty_data() {
    let consumer = Consumer::start().await;
    consumer.objects.clear();
    let read = consumer.claim_check().data_of(&consumer.event).await;
    let error = read.unwrap_err();
    assert!(matches!(error, ReadError::Missing { .. }), "{error:?}");
    let expected = format!(
        "the data of event {id} is missing: \"s3://large/claim-check/{id}\" was written before the \
         event was committed, and has been deleted since, for example by a lifecycle rule that is \
         too short; restore it, then redrive the message",
        id = consumer.event.id
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_object_with_another_content_is_not_the_data() {
    let of_same_length: fn(&mut Vec<u8>) = |object| object[20] = b'y';
    let shorter: fn(&mut Vec<u8>) = |object| object.truncate(100);
    for change in [of_same_length, shorter] {
        let consumer = Consumer::start().await;
        consumer.objects.change(change);
        let read = consumer.claim_check().data_of(&consumer.event).await;
        let error = read.unwrap_err();
        assert!(matches!(error, ReadError::Altered { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_reference_without_a_digest_or_to_another_bucket_is_not_followed() {
    let consumer = Consumer::start().await;
    let claim_check = consumer.claim_check();
    for (attribute, value) in [
        ("datarefsha256", None),
        ("datarefbytes", None),
        ("datarefbytes", Some(json!("130"))),
    ] {
        let event = consumer.event_with(attribute, value);
        let error = claim_check.data_of(&event).await.unwrap_err();
        assert!(matches!(error, ReadError::Unverifiable { .. }), "{error:?}");
    }
    for reference in [
        "s3://other/claim-check/1",
        "s3://large/other/1",
        "s3://larger/claim-check/1",
        "https://example.com/\u{1b}",
    ] {
        let event = consumer.event_with("dataref", Some(json!(reference)));
        let error = claim_check.data_of(&event).await.unwrap_err();
        assert!(matches!(error, ReadError::Elsewhere { .. }), "{error:?}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    assert_eq!(consumer.gets().await, 0);
}

#[tokio::test]
async fn an_event_that_has_its_data_needs_no_object() {
    let consumer = Consumer::start().await;
    let claim_check = consumer.claim_check();
    let of_another_producer = "https://example.com/1";
    let mut event = consumer.event_with("dataref", Some(json!(of_another_producer)));
    event.data = serde_json::from_str(r#"{"rows":[]}"#).unwrap();
    let data = claim_check.data_of(&event).await.unwrap();
    assert_eq!(data.as_json(), r#"{"rows":[]}"#);
    assert_eq!(consumer.gets().await, 0);
}

#[tokio::test]
async fn an_error_of_s3_may_pass() {
    let consumer = Consumer::start().await;
    for (status, code) in [(403, "AccessDenied"), (503, "SlowDown")] {
        let stub = responding(error(status, code)).await;
        let read = claim_check(&stub).data_of(&consumer.event).await;
        let error = read.unwrap_err();
        assert!(matches!(error, ReadError::Read { .. }), "{error:?}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", content = "data")]
enum ReportEvent {
    ReportMade { id: String, rows: String },
}

fn aggregate_id(event: &ReportEvent) -> String {
    let ReportEvent::ReportMade { id, .. } = event;
    format!("report#{id}")
}

fn message(event: &CloudEvent) -> String {
    let message = json!({
        "source": "reports", "detail-type": "ReportMade", "account": "1", "detail": event,
    });
    message.to_string()
}

#[tokio::test]
async fn a_subscription_reads_large_data() {
    let consumer = Consumer::start().await;
    let reports = Subscription::to("reports");
    let claim_check = consumer.claim_check();
    let message = message(&consumer.event);
    let received = reports.read_large(&message, &claim_check, aggregate_id);
    let received = received.await.unwrap();
    let ReportEvent::ReportMade { rows, .. } = received.data;
    assert_eq!((rows.len(), received.sequence), (100, 1));
    assert!(received.event.data.as_json().len() > 100);

    consumer.objects.clear();
    let missing = reports.read_large(&message, &claim_check, aggregate_id);
    let error = missing.await.unwrap_err();
    let is_missing = matches!(error, LargeMessageError::Data(ReadError::Missing { .. }));
    assert!(is_missing, "{error:?}");
}

#[tokio::test]
async fn a_subscription_reads_nothing_from_s3_for_an_event_that_it_rejects() {
    let consumer = Consumer::start().await;
    let message = message(&consumer.event);
    let others = Subscription::to("others");
    let claim_check = consumer.claim_check();
    let rejected = others.read_large(&message, &claim_check, aggregate_id);
    let error = rejected.await.unwrap_err();
    let LargeMessageError::Rejected(rejected) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(rejected.reason, UnexpectedEvent::Source { .. }));
    assert_eq!(consumer.gets().await, 0);

    let other = consumer.event_with("subject", Some(json!("report#2")));
    let reports = Subscription::to("reports");
    let message = self::message(&other);
    let rejected = reports.read_large(&message, &claim_check, aggregate_id);
    let error = rejected.await.unwrap_err();
    let LargeMessageError::Rejected(rejected) = error else {
        panic!("{error:?}");
    };
    assert_eq!(rejected.reason, UnexpectedEvent::Subject);
}
