//! The function that receives the records.

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

/// A function: in Lambda, in an emulator, or served by `cargo lambda watch`.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    /// The name or ARN to invoke.
    name: String,
    /// The ARN in failure messages, if it differs.
    arn: Option<String>,
}

/// Lambda stops a function after 15 minutes. An invocation without a response by then
/// never gets one and counts as not reached.
const LONGEST_INVOCATION: Duration = Duration::from_mins(16);

/// The result of an invocation.
#[derive(Debug)]
pub struct Invoked {
    /// How it ended.
    pub outcome: Outcome,
    /// Its details for failure messages.
    pub invocation: Invocation,
    /// The error as text, if there was one.
    pub error: Option<String>,
}

impl Function {
    /// Creates a function with this name or ARN. The client's retries and timeouts are
    /// not used: the mapping counts each invocation, and a function may take as long as
    /// Lambda allows.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            arn: None,
        }
    }

    /// Sets the ARN for failure messages: the function is deployed with this ARN, but
    /// runs elsewhere under its name.
    #[must_use]
    pub fn deployed_as(self, arn: impl Into<String>) -> Self {
        let arn = Some(arn.into());
        Self { arn, ..self }
    }

    /// Invokes the function with records of a stream or messages of a queue.
    pub async fn invoke(&self, records: &[Value]) -> Invoked {
        let payload = json!({"Records": records}).to_string();
        let timeouts = TimeoutConfig::builder()
            .disable_operation_attempt_timeout()
            .disable_read_timeout()
            .operation_timeout(LONGEST_INVOCATION)
            .build();
        let config = aws_sdk_lambda::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        let response = self
            .client
            .invoke()
            .function_name(&self.name)
            .payload(Blob::new(payload))
            .customize()
            .config_override(config)
            .send()
            .await;
        match response {
            Ok(output) => answered(output),
            Err(error) => failed(&error),
        }
    }

    /// Returns the name or ARN for failure messages.
    pub(crate) fn name(&self) -> &str {
        self.arn.as_deref().unwrap_or(&self.name)
    }
}

/// Returns the result of an invocation with a response.
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

/// Returns the result of a failed call. `cargo lambda watch` returns an error of the
/// function as HTTP 500, with the body that Lambda returns with 200 and
/// `X-Amz-Function-Error`.
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

/// Returns details with the request id, or with a new one: `cargo lambda watch` returns
/// none.
fn invocation(request_id: Option<&str>) -> Invocation {
    Invocation {
        request_id: request_id.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
        ..Invocation::default()
    }
}

fn latest() -> String {
    "$LATEST".to_owned()
}
