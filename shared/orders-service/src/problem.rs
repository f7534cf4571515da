//! Errors as responses: `application/problem+json` (RFC 9457).

use lambda_http::{
    Body, Response,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use orders::{InvalidOrder, Violation};
use outbox::FindError;
use serde::Serialize;

use crate::{
    idempotency::InvalidIdempotencyKey,
    service::{CancelOrderError, PlaceOrderError},
};

/// The `Retry-After` of an unavailable service, in seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// An error as the caller receives it.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    /// The `type`, a URN that never changes: callers match on it.
    problem_type: &'static str,
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request. Never contains internal details.
    detail: String,
    /// The invalid fields of an order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    /// Whether the response has a `Retry-After`.
    #[serde(skip)]
    retry: bool,
}

impl Problem {
    fn new(
        status: StatusCode,
        problem_type: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            problem_type,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            violations: Vec::new(),
            retry: false,
        }
    }

    pub(crate) fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:problem-type:orders:malformed-json",
            "The body is not JSON",
            detail,
        )
    }

    pub(crate) fn body_too_large(bytes: usize, most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:problem-type:orders:body-too-large",
            "The body is too large",
            format!("The body has {bytes} bytes, at most {most} are accepted."),
        )
    }

    pub(crate) fn unidentified_caller() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:problem-type:orders:unidentified-caller",
            "The caller is unknown",
            "The API has not identified the caller: its routes need the authorizer of IAM.",
        )
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:problem-type:orders:unsupported-media-type",
            "The content type is not supported",
            "Send the order as Content-Type: application/json.",
        )
    }

    pub(crate) fn invalid_order(InvalidOrder { violations, more }: InvalidOrder) -> Self {
        let detail = match more {
            0 => "Correct the fields named in violations.".to_owned(),
            more => format!("Correct the fields named in violations, and {more} more."),
        };
        Self {
            violations,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "urn:problem-type:orders:invalid-order",
                "The order is invalid",
                detail,
            )
        }
    }

    /// Returns 404 for an id, which is quoted as the caller wrote it.
    pub(crate) fn unknown_order(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:problem-type:orders:unknown-order",
            "There is no such order",
            format!("There is no order {id}."),
        )
    }

    fn conflict() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "urn:problem-type:orders:being-changed",
            "The order is being changed",
            "The order was modified concurrently, so nothing was saved. Send the request again.",
        )
    }

    fn unavailable(detail: &str) -> Self {
        Self {
            retry: true,
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:problem-type:orders:unavailable",
                "The service is overloaded",
                detail,
            )
        }
    }

    fn internal(detail: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "about:blank",
            "Internal Server Error",
            detail,
        )
    }

    /// Converts an error. `repeatable` says whether the caller may send the request
    /// again without placing a second order.
    pub(crate) fn of_place_order(error: PlaceOrderError, repeatable: bool) -> Self {
        match error {
            PlaceOrderError::Invalid(invalid) => Self::invalid_order(invalid),
            PlaceOrderError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "urn:problem-type:orders:idempotency-key-reused",
                "The idempotency key was used for another order",
                "Use a new Idempotency-Key for each order.",
            ),
            PlaceOrderError::PlacedBefore(FindError::Unavailable(_)) => Self::unavailable(
                "The order was placed before, but cannot be read now. Send the request again with \
                 the same Idempotency-Key.",
            ),
            PlaceOrderError::PlacedBefore(_) => {
                Self::internal("The order was placed before, but cannot be read.")
            }
            PlaceOrderError::Unavailable(_) => {
                Self::unavailable("Nothing was saved. Send the request again.")
            }
            PlaceOrderError::OutcomeUnknown(_) if repeatable => Self::unavailable(
                "The order may have been saved. Send the request again with the same \
                 Idempotency-Key.",
            ),
            PlaceOrderError::OutcomeUnknown(_) => Self::internal(
                "The order may have been saved. With an Idempotency-Key the request could be \
                 sent again safely.",
            ),
            PlaceOrderError::Internal(_) => Self::internal("The order was not saved."),
        }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = serde_json::to_string(&self).expect("texts and numbers are always JSON");
        let mut response = Response::new(Body::Text(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let content_type = "application/problem+json";
        headers.insert(CONTENT_TYPE, content_type.parse().expect("a header value"));
        if self.retry {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        response
    }
}

impl From<CancelOrderError> for Problem {
    fn from(error: CancelOrderError) -> Self {
        match error {
            CancelOrderError::Unknown(id) => Self::unknown_order(&id.to_string()),
            CancelOrderError::Conflict(_) => Self::conflict(),
            CancelOrderError::Unavailable(_) => {
                Self::unavailable("The order may have been cancelled. Send the request again.")
            }
            CancelOrderError::Internal(_) => Self::internal("The order was not cancelled."),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Unavailable(_) => Self::unavailable("Send the request again."),
            _ => Self::internal("The order could not be read."),
        }
    }
}

impl From<InvalidIdempotencyKey> for Problem {
    fn from(error: InvalidIdempotencyKey) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:problem-type:orders:invalid-idempotency-key",
            "The idempotency key is invalid",
            error.to_string(),
        )
    }
}
