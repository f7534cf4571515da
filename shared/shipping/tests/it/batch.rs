//! Batches of messages: which of them fail.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use shipping::Shipping;
use tokio::time::Instant;

use crate::{dead_letter_queue::DeadLetterQueue, fixture::*};

fn failures(response: &aws_lambda_events::sqs::SqsBatchResponse) -> Vec<&str> {
    let failures = response.batch_item_failures.iter();
    failures.map(|f| f.item_identifier.as_str()).collect()
}

#[tokio::test]
async fn a_bad_message_becomes_a_dead_letter_with_the_reason_and_a_failing_one_fails_alone() {
    let fixture = Fixture::start().await;
    let [created, cancelled] = fixture.placed_and_cancelled(1).await;
    let mut too_old = created.clone();
    too_old["time"] = json!("2026-01-01T00:00:00Z");
    let again = message("created again", &created);
    let messages = vec![
        text_message("no json", "nonsense"),
        message("created", &created),
        text_message("no event", r#"{"detail": {"specversion": "1.0"}}"#),
        message("too old", &too_old),
        message("cancelled", &cancelled),
        message("created again", &created),
        text_message("two", &format!("{} {{}}", again.body.unwrap())),
    ];
    let response = fixture
        .shipping
        .handle_batch(batch(messages), in_time())
        .await;
    assert_eq!(failures(&response), ["too old"]);
    assert_eq!(fixture.items("shipment#").await[0]["status"], "stopped");
    assert_eq!(fixture.items("inbox#").await.len(), 2);
    let letters = fixture.dead_letters.letters().await;
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().any(|letter| letter.body == "nonsense"));
    for letter in letters {
        let begin = "the message is no EventBridge event with a CloudEvent in it: ";
        assert!(letter.reason.starts_with(begin), "{letter:?}");
    }
}

/// A message that is in no queue would be lost.
#[tokio::test]
async fn a_bad_message_fails_if_it_cannot_become_a_dead_letter() {
    let client = dynamodb_in_process::start().await;
    let dead_letters = DeadLetterQueue::start(403).await;
    let shipping = Shipping::new(store(&client), ACCOUNT, dead_letters.client());
    let messages = batch(vec![text_message("no json", "nonsense")]);
    let response = shipping.handle_batch(messages, in_time()).await;
    assert_eq!(failures(&response), ["no json"]);
}

/// A principal that may put events on the bus must not stop or start shipments with forged ones.
#[tokio::test]
async fn a_forged_event_becomes_a_dead_letter_and_the_real_ones_are_handled() {
    let fixture = Fixture::start().await;
    let [created, cancelled] = fixture.placed_and_cancelled(1).await;
    let forged = |id: &str, change: fn(&mut Value)| {
        let genuine = message(id, &cancelled).body.unwrap();
        let mut body: Value = serde_json::from_str(&genuine).unwrap();
        change(&mut body);
        text_message(id, &body.to_string())
    };
    let messages = vec![
        forged("other account", |body| {
            body["account"] = json!("444455556666");
        }),
        forged("other envelope", |body| body["source"] = json!("attacker")),
        forged("other source", |body| {
            body["detail"]["source"] = json!("attacker");
        }),
        forged("other type", |body| {
            body["detail-type"] = json!("OrderCreated");
        }),
        forged("other subject", |body| {
            body["detail"]["subject"] = json!("order#other");
        }),
        forged("no subject", |body| body["detail"]["subject"] = Value::Null),
        forged("no sequence", |body| {
            body["detail"]["sequence"] = Value::Null;
        }),
        forged("high sequence", |body| {
            body["detail"]["sequence"] = json!("18446744073709551615");
        }),
        message("created", &created),
    ];
    let forged: BTreeSet<String> = messages[..8]
        .iter()
        .filter_map(|message| message.body.clone())
        .collect();
    let shipping = &fixture.shipping;
    let response = shipping.handle_batch(batch(messages), in_time()).await;
    assert_eq!(failures(&response), [] as [&str; 0]);
    let letters = fixture.dead_letters.letters().await;
    let dead = letters.into_iter().map(|letter| letter.body);
    assert_eq!(dead.collect::<BTreeSet<_>>(), forged);
    assert_eq!(fixture.items("shipment#").await[0]["status"], "started");
    let messages = vec![message("cancelled", &cancelled)];
    let response = shipping.handle_batch(batch(messages), in_time()).await;
    assert_eq!(failures(&response), Vec::<&str>::new());
    assert_eq!(fixture.items("shipment#").await[0]["status"], "stopped");
}

#[tokio::test]
async fn a_hanging_event_fails_alone_before_the_deadline() {
    let fixture = Fixture::start().await;
    let [created, _] = fixture.placed_and_cancelled(1).await;
    // It accepts connections and never responds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = dynamodb_in_process::client(silent.local_addr().unwrap());
    let messages = vec![text_message("bad", "nonsense"), message("hangs", &created)];
    let deadline = Instant::now() + Duration::from_millis(1100);
    let shipping = shipping(&client);
    let response = shipping.handle_batch(batch(messages), deadline).await;
    assert_eq!(failures(&response), ["bad", "hangs"]);
    assert!(Instant::now() < deadline);
}

#[tokio::test]
async fn a_failure_without_a_message_id_fails_the_batch() {
    let fixture = Fixture::start().await;
    let [mut too_old, _] = fixture.placed_and_cancelled(1).await;
    too_old["time"] = json!("2026-01-01T00:00:00Z");
    let mut nameless = message("", &too_old);
    nameless.message_id = None;
    let response = fixture
        .shipping
        .handle_batch(batch(vec![nameless]), in_time())
        .await;
    // To Lambda, an empty identifier means that the whole batch has failed.
    assert_eq!(failures(&response), [""]);
}

#[tokio::test]
async fn the_sample_payload_starts_a_shipment() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../samples/start-shipping.json");
    let mut sample: Value = serde_json::from_str(sample).unwrap();
    // Sent today, since events older than 29 days are rejected.
    let body = sample["Records"][0]["body"].as_str().unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    body["detail"]["time"] = json!(jiff::Timestamp::now());
    sample["Records"][0]["body"] = json!(body.to_string());
    let response = fixture
        .shipping
        .handle_batch(serde_json::from_value(sample).unwrap(), in_time())
        .await;
    assert_eq!(failures(&response), [] as [&str; 0]);
    assert_eq!(fixture.items("shipment#").await[0]["status"], "started");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_lines_contain_the_trace_of_the_event() {
    let fixture = Fixture::start().await;
    let [mut created, _] = fixture.placed_and_cancelled(1).await;
    created["traceparent"] = json!("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut broken = created.clone();
    broken["type"] = json!("OrderPaid");
    for detail in [&created, &broken] {
        let messages = vec![message("1", detail)];
        fixture
            .shipping
            .handle_batch(batch(messages), in_time())
            .await;
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for (line, message) in log.lines().zip(["event handled", "event rejected"]) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["fields"]["message"], message);
        assert_eq!(line["span"]["trace_id"], "5759e988bd862e3fe1be46a994272793");
        assert_eq!(line["span"]["event_id"], created["id"]);
    }
    assert_eq!(log.lines().count(), 2);
}
