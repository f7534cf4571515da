//! AWS's HTTP protocol: the action in a request, and responses.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// Returns the action of a request. All services that functions call here name it in
/// `X-Amz-Target`.
pub(super) fn action(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.rsplit('.').next()
}

/// Returns AWS's response to a call that is rejected with this error.
pub(super) fn rejected(code: &str) -> Response<Full<Bytes>> {
    let body = json!({
        "__type": code,
        "message": "rejected by an injected fault",
    });
    json_response(StatusCode::BAD_REQUEST, &body)
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
