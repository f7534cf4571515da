//! The handler of `GET /orders/{id}`.

use headers::{ETag, HeaderMapExt, IfNoneMatch};
use lambda_http::{Body, Request, Response, http::StatusCode};

use crate::{
    Callers, Orders, log_error::log_error, problem::Problem, request, response, store::StoredOrder,
};

/// Handles `GET /orders/{id}`. Returns 200 with the current order and its version
/// as `ETag`, or an error as `application/problem+json`.
///
/// | status | when |
/// |---|---|
/// | 200 | there is such an order |
/// | 304 | the order still has the version in `If-None-Match` |
/// | 403 | the caller is not identified, and must be |
/// | 404 | there is no such order |
/// | 503 | DynamoDB is unavailable or throttles: retry after `Retry-After` seconds |
pub async fn get_order(orders: &Orders, callers: Callers, request: Request) -> Response<Body> {
    let origin = request::origin(&request);
    let answer = async {
        match find(orders, callers, &request).await {
            Ok(found) => answer(&found, &request),
            Err(problem) => problem.into_response(),
        }
    };
    origin.trace("GET /orders/{id}", answer).await
}

async fn find(
    orders: &Orders,
    callers: Callers,
    request: &Request,
) -> Result<StoredOrder, Problem> {
    callers.admit(request)?;
    let id = request::order_id(request)?;
    match orders.order(id).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Problem::unknown_order(&id.to_string())),
        Err(error) => {
            log_error("order not read", &error);
            Err(error.into())
        }
    }
}

fn answer(found: &StoredOrder, request: &Request) -> Response<Body> {
    let etag = response::etag(found);
    let condition = request.headers().typed_get::<IfNoneMatch>();
    if condition.is_none_or(|wanted: IfNoneMatch| wanted.precondition_passes(&etag)) {
        response::order(StatusCode::OK, found)
    } else {
        not_modified(etag)
    }
}

fn not_modified(etag: ETag) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().typed_insert(etag);
    response
}
