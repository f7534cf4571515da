//! What of an HTTP request names an AWS action, and how AWS answers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// The action of a request. The services that functions call here all name it
/// in `X-Amz-Target`.
pub(super) fn action(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    target.rsplit('.').next()
}

/// The call is refused with this error.
pub(super) fn refused(code: &str) -> Response<Full<Bytes>> {
    let body = json!({
        "__type": code,
        "message": "refused by an injected fault",
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
