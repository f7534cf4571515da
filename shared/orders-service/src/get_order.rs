use headers::{ETag, HeaderMapExt, IfNoneMatch};
use lambda_http::{Body, Request, Response, http::StatusCode};
use tracing::Instrument;

use crate::{
    Orders, origin::Origin, problem::Problem, report::report, request, response, store::StoredOrder,
};

/// Answers `GET /orders/{id}`: 200 with the order as it is now and its version
/// as `ETag`, or an error as `application/problem+json`.
///
/// | status | when |
/// |---|---|
/// | 200 | there is such an order |
/// | 304 | it still has the version that `If-None-Match` names |
/// | 404 | there is none |
/// | 503 | DynamoDB cannot tell now: come again after `Retry-After` seconds |
pub async fn get_order(orders: &Orders, request: Request) -> Response<Body> {
    let span = Origin::of(&request).span();
    let answer = async {
        match find(orders, &request).await {
            Ok(found) => answer(&found, &request),
            Err(problem) => problem.into_response(),
        }
    };
    answer.instrument(span).await
}

async fn find(orders: &Orders, request: &Request) -> Result<StoredOrder, Problem> {
    let id = request::order_id(request)?;
    match orders.order(id).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Problem::unknown_order(&id.to_string())),
        Err(error) => {
            report("order not read", &error);
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
