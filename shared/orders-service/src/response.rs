//! Responses with an order.

use headers::{ContentType, ETag, HeaderMapExt};
use lambda_http::{Body, Response, http::StatusCode};

use crate::store::StoredOrder;

/// Returns a response with the order, and its version as `ETag`.
pub(crate) fn order(status: StatusCode, stored: &StoredOrder) -> Response<Body> {
    // An order contains only texts and numbers, so this can't fail.
    let body = serde_json::to_string(&stored.state).expect("an order is always JSON");
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().typed_insert(ContentType::json());
    response.headers_mut().typed_insert(etag(stored));
    response
}

/// Returns the version of an order as `ETag`.
pub(crate) fn etag(stored: &StoredOrder) -> ETag {
    let etag = format!("\"{}\"", stored.revision.version);
    etag.parse().expect("digits in quotes are an ETag")
}
