//! Why a function did not answer a call, and the response to the caller.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};

/// How a function is called. It decides the form of Lambda's response to a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    /// `Invoke`, by a mapping or `cargo lambda invoke`.
    Invoke,
    /// An HTTP request to a route of the API.
    Http,
}

/// Why a function did not answer a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// There is no such function.
    #[error("there is no function {name}; there are {}", functions.join(", "))]
    Unknown {
        name: String,
        functions: Vec<String>,
    },
    /// Its sources don't compile.
    #[error("{name} does not compile; see the log of its server. {first_error}")]
    DoesNotCompile { name: String, first_error: String },
    /// It could not be built or started for another reason.
    #[error("{name} could not be started: {reason}")]
    NotStarted { name: String, reason: String },
    /// Its process ended before it answered.
    #[error("{name} ended ({status}) before it answered; see the log of its server")]
    Ended { name: String, status: String },
    /// It did not answer in time.
    #[error("{name} did not answer within {seconds} s, and was stopped")]
    TimedOut { name: String, seconds: u64 },
    /// It answered an HTTP request with an error, or with something else than a response.
    #[error("{name} failed: {reason}")]
    Failed { name: String, reason: String },
}

impl CallError {
    /// Returns the response for the caller.
    pub(super) fn response(&self, kind: CallKind) -> Response<Full<Bytes>> {
        match kind {
            CallKind::Http => self.problem(),
            CallKind::Invoke => match self.function_error() {
                Some(error_type) => self.failed_invocation(error_type),
                None => self.rejected_invocation(),
            },
        }
    }

    /// Returns a problem by RFC 9457, as the functions do.
    fn problem(&self) -> Response<Full<Bytes>> {
        let status = self.status();
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        json_response(status, "application/problem+json", &problem)
    }

    fn failed_invocation(&self, error_type: &str) -> Response<Full<Bytes>> {
        let error = json!({"errorType": error_type, "errorMessage": self.to_string()});
        function_error(error.to_string().into())
    }

    /// Returns Lambda's response if the function was not invoked. A mapping then retries the
    /// batch, and the retry doesn't count.
    fn rejected_invocation(&self) -> Response<Full<Bytes>> {
        let code = match self {
            Self::Unknown { .. } => "ResourceNotFoundException",
            _ => "ServiceException",
        };
        let body = json!({"Type": "Service", "Message": self.to_string()});
        let mut response = json_response(self.status(), "application/json", &body);
        let headers = response.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::DoesNotCompile { .. } | Self::NotStarted { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Ended { .. } | Self::Failed { .. } => StatusCode::BAD_GATEWAY,
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Returns Lambda's error type if the function was invoked.
    fn function_error(&self) -> Option<&'static str> {
        match self {
            Self::Ended { .. } => Some("Runtime.ExitError"),
            Self::TimedOut { .. } => Some("Sandbox.Timedout"),
            _ => None,
        }
    }
}

/// Returns Lambda's response for a function that was invoked and failed. A mapping then
/// applies its rules for function errors.
pub(super) fn function_error(error: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(error));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        "x-amz-function-error",
        HeaderValue::from_static("Unhandled"),
    );
    response
}

fn json_response(
    status: StatusCode,
    content_type: &'static str,
    body: &Value,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn errors() -> [(CallError, u16, Option<&'static str>); 5] {
        let name = || "create-order".to_owned();
        [
            (
                CallError::Unknown {
                    name: "x".to_owned(),
                    functions: vec![name()],
                },
                404,
                None,
            ),
            (
                CallError::DoesNotCompile {
                    name: name(),
                    first_error: "error: no".to_owned(),
                },
                503,
                None,
            ),
            (
                CallError::NotStarted {
                    name: name(),
                    reason: "cargo: not found".to_owned(),
                },
                503,
                None,
            ),
            (
                CallError::Ended {
                    name: name(),
                    status: "exit status: 1".to_owned(),
                },
                502,
                Some("Runtime.ExitError"),
            ),
            (
                CallError::TimedOut {
                    name: name(),
                    seconds: 300,
                },
                504,
                Some("Sandbox.Timedout"),
            ),
        ]
    }

    async fn json(answer: Response<Full<Bytes>>) -> Value {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn a_failed_http_request_returns_a_problem() {
        for (error, status, _) in errors() {
            let answer = error.response(CallKind::Http);
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
            let problem = json(answer).await;
            assert_eq!(problem["status"], status);
            assert_eq!(problem["detail"], error.to_string());
        }
    }

    #[tokio::test]
    async fn mappings_can_distinguish_failed_from_not_invoked() {
        for (error, status, error_type) in errors() {
            let answer = error.response(CallKind::Invoke);
            let has_failed = answer.headers().contains_key("x-amz-function-error");
            assert_eq!(has_failed, error_type.is_some(), "{error}");
            let expected = if has_failed { 200 } else { status };
            assert_eq!(answer.status(), expected, "{error}");
            let body = json(answer).await;
            assert_eq!(body["errorType"].as_str(), error_type, "{error}");
        }
    }
}
