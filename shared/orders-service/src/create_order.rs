use lambda_http::{
    Body, Request, Response,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
};
use orders::Order;

use crate::{OrderService, PlaceOrderError, problem::Problem, request};

/// Answers `POST /orders`: 201 with the order and its `Location`, or an error
/// as `application/problem+json`.
///
/// | status | when |
/// |---|---|
/// | 201 | the order is saved, now or by an earlier request with the same `Idempotency-Key` |
/// | 400 | the body is not JSON, or the `Idempotency-Key` does not have 1 to 255 bytes |
/// | 413 | the body has over 256 KB |
/// | 415 | the content type is not `application/json` |
/// | 422 | the order is invalid, or the `Idempotency-Key` was used for another order |
/// | 503 | DynamoDB cannot take it now: come again after `Retry-After` seconds |
pub async fn create_order(service: &OrderService, request: Request) -> Response<Body> {
    match place(service, &request).await {
        Ok(order) => created(&order),
        Err(problem) => problem.into_response(),
    }
}

async fn place(service: &OrderService, request: &Request) -> Result<Order, Problem> {
    let command = request::place_order(request)?;
    let key = request::idempotency_key(request)?;
    let origin = request::origin(request);
    let placed = service.place_order(command, key.as_ref(), &origin).await;
    match &placed {
        Ok(order) => tracing::info!(order = %order.id, "order placed"),
        Err(error) => report(error),
    }
    placed.map_err(|error| Problem::of(error, key.is_some()))
}

fn created(order: &Order) -> Response<Body> {
    // An order came from JSON and can always go back.
    let body = serde_json::to_string(order).expect("an order is always JSON");
    Response::builder()
        .status(StatusCode::CREATED)
        .header(CONTENT_TYPE, "application/json")
        .header(LOCATION, format!("/orders/{}", order.id))
        .body(Body::Text(body))
        .expect("a UUID is a valid header value")
}

/// The caller is told what to do; the operator is told what happened.
fn report(error: &PlaceOrderError) {
    use std::error::Error;
    match error {
        PlaceOrderError::Invalid(_) | PlaceOrderError::KeyReused => {
            tracing::info!(%error, "order refused");
        }
        _ => {
            let mut causes = Vec::new();
            let mut cause = error.source();
            while let Some(error) = cause {
                causes.push(error.to_string());
                cause = error.source();
            }
            tracing::error!(%error, ?causes, "order not placed");
        }
    }
}
