//! SQS as a stub with a clock of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use outbox_conformance::{aws::SqsFixture, dead_letters, queue};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use super::{answer, error, operation};
use crate::aws::stubs::sqs;

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    now: Duration,
    next: u64,
}

struct Message {
    id: String,
    body: String,
    sent_at: Duration,
    /// The receipt handle of its last receive.
    receipt: Option<String>,
    hidden_until: Duration,
}

impl State {
    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        let (operation, body) = operation(request);
        match operation.as_str() {
            "SendMessage" => self.send(body["MessageBody"].as_str().unwrap()),
            "ReceiveMessage" => self.receive(&body),
            "ChangeMessageVisibilityBatch" => self.batch(&body, Self::hide),
            "DeleteMessageBatch" => self.batch(&body, Self::delete),
            "GetQueueAttributes" => self.attributes(),
            other => panic!("{other} is unknown"),
        }
    }

    fn new_id(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}-{}", self.next)
    }

    fn send(&mut self, body: &str) -> ResponseTemplate {
        if body.is_empty() || body.len() > 1024 * 1024 {
            return error("InvalidParameterValue");
        }
        let id = self.new_id("message");
        self.messages.push(Message {
            id: id.clone(),
            body: body.chars().map(allowed).collect(),
            sent_at: self.now,
            receipt: None,
            hidden_until: self.now,
        });
        answer(&json!({"MessageId": id}))
    }

    fn receive(&mut self, body: &Value) -> ResponseTemplate {
        let most = body["MaxNumberOfMessages"].as_u64().unwrap();
        if !(1..=10).contains(&most) {
            return error("InvalidParameterValue");
        }
        let visibility = Duration::from_secs(body["VisibilityTimeout"].as_u64().unwrap());
        let mut received = Vec::new();
        for index in 0..self.messages.len() {
            let receipt = self.new_id("receipt");
            let message = &mut self.messages[index];
            if message.hidden_until > self.now || received.len() as u64 == most {
                continue;
            }
            message.hidden_until = self.now + visibility;
            message.receipt = Some(receipt.clone());
            let sent_at = 1_795_510_800_000 + message.sent_at.as_millis();
            received.push(json!({
                "MessageId": message.id,
                "ReceiptHandle": receipt,
                "Body": message.body,
                "Attributes": {"SentTimestamp": sent_at.to_string()},
            }));
        }
        answer(&json!({"Messages": received}))
    }

    /// Returns for each entry whether it succeeded.
    fn batch(
        &mut self,
        body: &Value,
        one: fn(&mut Self, &Value) -> Result<(), &'static str>,
    ) -> ResponseTemplate {
        let entries = body["Entries"].as_array().unwrap();
        if entries.is_empty() {
            return error("EmptyBatchRequest");
        }
        if entries.len() > 10 {
            return error("TooManyEntriesInBatchRequest");
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            match one(self, entry) {
                Ok(()) => successful.push(json!({"Id": entry["Id"]})),
                Err(code) => {
                    failed.push(json!({"Id": entry["Id"], "Code": code, "SenderFault": true}));
                }
            }
        }
        answer(&json!({"Successful": successful, "Failed": failed}))
    }

    fn position(&self, entry: &Value) -> Option<usize> {
        let receipt = entry["ReceiptHandle"].as_str();
        let mut messages = self.messages.iter();
        messages.position(|message| message.receipt.as_deref() == receipt)
    }

    fn hide(&mut self, entry: &Value) -> Result<(), &'static str> {
        let position = self.position(entry).ok_or("InvalidParameterValue")?;
        let message = &mut self.messages[position];
        if message.hidden_until <= self.now {
            return Err("MessageNotInflight");
        }
        let visibility = entry["VisibilityTimeout"].as_u64().unwrap();
        message.hidden_until = self.now + Duration::from_secs(visibility);
        Ok(())
    }

    /// By an old receipt "the request will succeed, but the message might not be
    /// deleted".
    #[expect(clippy::unnecessary_wraps, reason = "other entries may fail")]
    fn delete(&mut self, entry: &Value) -> Result<(), &'static str> {
        if let Some(position) = self.position(entry) {
            self.messages.remove(position);
        }
        Ok(())
    }

    fn attributes(&self) -> ResponseTemplate {
        let is_hidden = |message: &&Message| message.hidden_until > self.now;
        let hidden = self.messages.iter().filter(is_hidden).count();
        let visible = self.messages.len() - hidden;
        answer(&json!({"Attributes": {
            "ApproximateNumberOfMessages": visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": hidden.to_string(),
        }}))
    }
}

/// `SendMessage` in the API reference: depending on its version, characters that XML doesn't
/// allow become U+FFFD, or the message is rejected.
fn allowed(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => character,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

async fn begin() -> SqsFixture<impl AsyncFn(Duration)> {
    let state: Arc<Mutex<State>> = Arc::default();
    let server = MockServer::start().await;
    let respond = {
        let state = Arc::clone(&state);
        move |request: &Request| state.lock().unwrap().respond(request)
    };
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    let (client, url) = sqs(&server);
    SqsFixture::new(client, &url, async move |time| {
        // The server lives as long as its clock.
        let _ = &server;
        state.lock().unwrap().now += time;
    })
}

#[tokio::test]
async fn letters_conform() {
    dead_letters::conforms(begin, &[]).await;
}

#[tokio::test]
async fn the_queue_conforms() {
    queue::conforms(begin, &[]).await;
}
