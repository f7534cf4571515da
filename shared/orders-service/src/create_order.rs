//! The handler of `POST /orders`.

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header::LOCATION},
};

use crate::{
    Callers, OrderService, PlaceOrderError, log_error::log_error, origin::Origin, problem::Problem,
    request, response, store::StoredOrder,
};

/// Handles `POST /orders`. Returns 201 with the order, its `Location` and its
/// version as `ETag`, or an error as `application/problem+json`.
///
/// | status | when |
/// |---|---|
/// | 201 | the order is saved, by this or an earlier request with the same `Idempotency-Key` |
/// | 400 | the body is not JSON, or the `Idempotency-Key` does not have 1 to 255 visible ASCII characters and spaces, has a comma, or is sent twice |
/// | 403 | the caller is not identified, and must be |
/// | 413 | the body has over 256 KB |
/// | 415 | the content type is not `application/json` |
/// | 422 | the order is invalid, or the `Idempotency-Key` was used for another order |
/// | 503 | DynamoDB is unavailable or throttles: retry after `Retry-After` seconds |
pub async fn create_order(
    service: &OrderService,
    callers: Callers,
    request: Request,
) -> Response<Body> {
    let origin = request::origin(&request);
    let answer = async {
        match place(service, callers, &request, &origin).await {
            Ok(placed) => created(&placed),
            Err(problem) => problem.into_response(),
        }
    };
    origin.trace("POST /orders", answer).await
}

async fn place(
    service: &OrderService,
    callers: Callers,
    request: &Request,
    origin: &Origin,
) -> Result<StoredOrder, Problem> {
    let caller = callers.admit(request)?;
    let command = request::place_order(request)?;
    let key = request::idempotency_key(request, &caller)?;
    let placed = service.place_order(command, key.as_ref(), origin).await;
    match &placed {
        Ok(placed) => tracing::info!(order = %placed.state.id, "order placed"),
        Err(error @ (PlaceOrderError::Invalid(_) | PlaceOrderError::KeyReused)) => {
            tracing::info!(%error, "order rejected");
        }
        Err(error) => log_error("order not placed", error),
    }
    placed.map_err(|error| Problem::of_place_order(error, key.is_some()))
}

fn created(placed: &StoredOrder) -> Response<Body> {
    let mut response = response::order(StatusCode::CREATED, placed);
    let location = format!("/orders/{}", placed.state.id);
    let location = location.parse().expect("a UUID is a valid header value");
    response.headers_mut().insert(LOCATION, location);
    response
}
