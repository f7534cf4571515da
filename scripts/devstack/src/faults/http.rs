//! What of an HTTP request names an AWS action, and how AWS answers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// The action of a request, by `X-Amz-Target` or, for Lambda, by its path.
pub(super) fn action<'r>(path: &str, headers: &'r HeaderMap) -> Option<&'r str> {
    if path.starts_with("/2015-03-31/functions/") && path.ends_with("/invocations") {
        return Some("Invoke");
    }
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.rsplit('.').next()
}

pub(super) fn throttled() -> Response<Full<Bytes>> {
    let body = json!({
        "__type": "ThrottlingException",
        "message": "throttled by an injected fault",
    });
    answer(StatusCode::BAD_REQUEST, &body)
}

pub(super) fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
