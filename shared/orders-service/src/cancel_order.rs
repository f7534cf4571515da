//! The handler of `POST /orders/{id}/cancel`.

use lambda_http::{Body, Request, Response, http::StatusCode};

use crate::{
    Callers, OrderService, log_error::log_error, origin::Origin, problem::Problem, request,
    response, service::CancelOrderError, store::StoredOrder,
};

/// Handles `POST /orders/{id}/cancel`. Returns 200 with the order, or an error as
/// `application/problem+json`. The request needs no body and can be repeated
/// safely.
///
/// | status | when |
/// |---|---|
/// | 200 | the order is cancelled, by this or an earlier request |
/// | 403 | the caller is not identified, and must be |
/// | 404 | there is no such order |
/// | 409 | the order was modified concurrently, twice in a row |
/// | 503 | DynamoDB is unavailable or throttles: retry after `Retry-After` seconds |
pub async fn cancel_order(
    service: &OrderService,
    callers: Callers,
    request: Request,
) -> Response<Body> {
    let origin = request::origin(&request);
    let answer = async {
        match cancel(service, callers, &request, &origin).await {
            Ok(cancelled) => response::order(StatusCode::OK, &cancelled),
            Err(problem) => problem.into_response(),
        }
    };
    origin.trace("POST /orders/{id}/cancel", answer).await
}

async fn cancel(
    service: &OrderService,
    callers: Callers,
    request: &Request,
    origin: &Origin,
) -> Result<StoredOrder, Problem> {
    callers.admit(request)?;
    let id = request::order_id(request)?;
    let cancelled = service.cancel_order(id, origin).await;
    match &cancelled {
        Ok(_) => tracing::info!(order = %id, "order is cancelled"),
        Err(error @ (CancelOrderError::Unknown(_) | CancelOrderError::Conflict(_))) => {
            tracing::info!(%error, "order not cancelled");
        }
        Err(error) => log_error("order not cancelled", error),
    }
    Ok(cancelled?)
}
