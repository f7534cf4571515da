use lambda_http::{Body, Request, Response, http::StatusCode};
use tracing::Instrument;

use crate::{
    OrderService, origin::Origin, problem::Problem, report::report, request, response,
    service::CancelOrderError, store::StoredOrder,
};

/// Answers `POST /orders/{id}/cancel`: 200 with the order, or an error as
/// `application/problem+json`. The request needs no body, and can be repeated
/// safely.
///
/// | status | when |
/// |---|---|
/// | 200 | the order is cancelled, now or before |
/// | 404 | there is none |
/// | 409 | others are changing it right now |
/// | 503 | DynamoDB cannot take it now: come again after `Retry-After` seconds |
pub async fn cancel_order(service: &OrderService, request: Request) -> Response<Body> {
    let origin = Origin::of(&request);
    let span = origin.span();
    let answer = async {
        match cancel(service, &request, &origin).await {
            Ok(cancelled) => response::order(StatusCode::OK, &cancelled),
            Err(problem) => problem.into_response(),
        }
    };
    answer.instrument(span).await
}

async fn cancel(
    service: &OrderService,
    request: &Request,
    origin: &Origin,
) -> Result<StoredOrder, Problem> {
    let id = request::order_id(request)?;
    let cancelled = service.cancel_order(id, origin).await;
    match &cancelled {
        Ok(_) => tracing::info!(order = %id, "order is cancelled"),
        Err(error @ (CancelOrderError::Unknown(_) | CancelOrderError::BeingChanged(_))) => {
            tracing::info!(%error, "order not cancelled");
        }
        Err(error) => report("order not cancelled", error),
    }
    Ok(cancelled?)
}
