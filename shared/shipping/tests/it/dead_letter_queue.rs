//! A stub of the dead-letter queue.

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use serde_json::{Value, json};
use shipping::DeadLetters;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// A queue that records what is sent to it.
pub(crate) struct DeadLetterQueue(MockServer);

/// A message that was sent to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) reason: String,
}

impl DeadLetterQueue {
    /// Starts a queue that responds with this status.
    pub(crate) async fn start(status: u16) -> Self {
        let server = MockServer::start().await;
        let sent = ResponseTemplate::new(status).set_body_json(json!({"MessageId": "1"}));
        Mock::given(any()).respond_with(sent).mount(&server).await;
        Self(server)
    }

    pub(crate) fn client(&self) -> DeadLetters {
        dead_letters(&self.0.uri())
    }

    pub(crate) async fn letters(&self) -> Vec<Letter> {
        let requests = self.0.received_requests().await.unwrap();
        let letter = |request: &wiremock::Request| {
            let sent: Value = request.body_json().unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            Letter {
                body: text(&sent["MessageBody"]),
                reason: text(&sent["MessageAttributes"]["reason"]["StringValue"]),
            }
        };
        requests.iter().map(letter).collect()
    }
}

/// Returns the dead letters of a queue that nothing is sent to.
pub(crate) fn unused_dead_letters() -> DeadLetters {
    dead_letters("http://127.0.0.1:9")
}

fn dead_letters(endpoint: &str) -> DeadLetters {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    DeadLetters::new(client, format!("{endpoint}/dead-letters"))
}
