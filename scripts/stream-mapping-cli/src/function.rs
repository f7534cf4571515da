use std::time::Duration;

use aws_sdk_lambda::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::{
        RequestId,
        invoke::{InvokeError, InvokeOutput},
    },
    primitives::Blob,
};
use serde_json::{Value, json};
use stream_mapping::{Invocation, Outcome};
use uuid::Uuid;

use crate::event::reason;

/// A function that gets records: in Lambda, in an emulator, or served by
/// `cargo lambda watch`.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    name: String,
    /// By which messages name it, if not by what it is invoked by.
    arn: Option<String>,
}

/// Lambda ends a function after 15 minutes; what is not answered then never is,
/// and counts as not reached.
const LONGEST_INVOCATION: Duration = Duration::from_mins(16);

/// What came of an invocation.
#[derive(Debug)]
pub struct Invoked {
    /// How it ended.
    pub outcome: Outcome,
    /// What is known of it.
    pub invocation: Invocation,
    /// The error, if there was one, for people.
    pub error: Option<String>,
}

impl Function {
    /// The function with this name or ARN. The client's own retries and timeouts
    /// are not used: the mapping's rules count each invocation, and a function
    /// may take as long as Lambda lets it.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            arn: None,
        }
    }

    /// The same function, which is deployed under this ARN and runs elsewhere under
    /// its name.
    #[must_use]
    pub fn deployed_as(self, arn: impl Into<String>) -> Self {
        let arn = Some(arn.into());
        Self { arn, ..self }
    }

    /// Invokes it with records of a stream or messages of a queue.
    pub async fn invoke(&self, records: Vec<Value>) -> Invoked {
        let payload = json!({"Records": records}).to_string();
        let timeouts = TimeoutConfig::builder()
            .disable_operation_attempt_timeout()
            .disable_read_timeout()
            .operation_timeout(LONGEST_INVOCATION)
            .build();
        let config = aws_sdk_lambda::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        let answer = self
            .client
            .invoke()
            .function_name(&self.name)
            .payload(Blob::new(payload))
            .customize()
            .config_override(config)
            .send()
            .await;
        match answer {
            Ok(output) => answered(output),
            Err(error) => failed(&error),
        }
    }

    /// Its name or ARN in messages.
    pub(crate) fn name(&self) -> &str {
        self.arn.as_deref().unwrap_or(&self.name)
    }
}

fn answered(output: InvokeOutput) -> Invoked {
    let mut invocation = invocation(output.request_id());
    invocation.executed_version = output.executed_version.unwrap_or_else(latest);
    invocation.function_error = output.function_error;
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    let payload = String::from_utf8_lossy(&payload).into_owned();
    if invocation.function_error.is_some() {
        return Invoked {
            outcome: Outcome::FunctionError,
            invocation,
            error: Some(payload),
        };
    }
    Invoked {
        outcome: Outcome::Answered { payload },
        invocation,
        error: None,
    }
}

/// `cargo lambda watch` answers an error of the function as HTTP 500, with
/// the body that Lambda sends with 200 and `X-Amz-Function-Error`.
fn failed(error: &SdkError<InvokeError, HttpResponse>) -> Invoked {
    let response = error.raw_response();
    let body = response
        .and_then(|response| response.body().bytes())
        .and_then(|body| serde_json::from_slice::<Value>(body).ok())
        .filter(|body| body.get("errorType").is_some());
    match body {
        Some(body) => Invoked {
            outcome: Outcome::FunctionError,
            invocation: Invocation {
                function_error: Some("Unhandled".to_owned()),
                executed_version: latest(),
                ..invocation(None)
            },
            error: Some(body.to_string()),
        },
        None => Invoked {
            outcome: Outcome::NotReached,
            invocation: invocation(None),
            error: Some(reason(error)),
        },
    }
}

/// Where nobody gives requests an id, one is made up.
fn invocation(request_id: Option<&str>) -> Invocation {
    Invocation {
        request_id: request_id.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
        ..Invocation::default()
    }
}

fn latest() -> String {
    "$LATEST".to_owned()
}
