//! What an HTTP request asks for.

use lambda_http::{
    Request, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext,
    http::header::CONTENT_TYPE, request::RequestContext,
};
use orders::{OrderId, PlaceOrder, Violation};
use serde::de::IgnoredAny;

use crate::{
    idempotency::{IdempotencyKey, InvalidIdempotencyKey},
    media_type,
    problem::Problem,
    single_header::{Repeated, single_header},
};

/// Bytes of a body. 100 items of the longest names are 30 KB.
const MOST_BODY_BYTES: usize = 256 * 1024;

/// The caller where the API does not ask who it is: the local stack alone.
const ANONYMOUS: &str = "anonymous";

pub(crate) fn place_order(request: &Request) -> Result<PlaceOrder, Problem> {
    if !is_json(request) {
        return Err(Problem::unsupported_media_type());
    }
    let body: &[u8] = request.body();
    if body.len() > MOST_BODY_BYTES {
        return Err(Problem::body_too_large(body.len(), MOST_BODY_BYTES));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let command = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| not_a_command(body, &error.path().to_string(), error.inner()))?;
    json.end()
        .map_err(|error| Problem::malformed_json(error.to_string()))?;
    Ok(command)
}

/// Returns the problem of a body that is not JSON, or that is JSON but no order.
/// The latter is reported one field at a time: there is no order yet to check as
/// a whole.
///
/// Only the grammar decides which of the two it is. The parser reports a syntax
/// error, too, where a value is beyond its own limits: JSON has numbers of any
/// size, halves of surrogate pairs, and arrays in arrays of any depth.
fn not_a_command(body: &[u8], field: &str, error: &serde_json::Error) -> Problem {
    match check_grammar(body) {
        Err(malformed) => Problem::malformed_json(malformed),
        Ok(()) => Problem::invalid_order(vec![Violation {
            field: field.to_owned(),
            message: error.to_string(),
        }]),
    }
}

/// Checks that bytes are JSON by its grammar, whatever the values are.
fn check_grammar(body: &[u8]) -> Result<(), String> {
    // The parser skips over strings without looking at their encoding.
    let text = str::from_utf8(body).map_err(|error| error.to_string())?;
    let skipped: Result<IgnoredAny, _> = serde_json::from_str(text);
    skipped.map(drop).map_err(|error| error.to_string())
}

fn is_json(request: &Request) -> bool {
    // The parser of media types refuses values that were joined by a comma.
    let content_type = single_header(request.headers(), CONTENT_TYPE.as_str());
    matches!(content_type, Ok(Some(value)) if media_type::is_json(value))
}

/// Returns the key that makes repeating the request safe, if it has one.
pub(crate) fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let key = single_header(request.headers(), "idempotency-key")
        .map_err(|Repeated| InvalidIdempotencyKey::Repeated)?;
    let key = key.map(|key| IdempotencyKey::to_place_an_order(&caller(request), key.as_bytes()));
    Ok(key.transpose()?)
}

/// The order that the path is about, `/orders/{id}` or what lies below it. A
/// function URL does not tell what is in the path.
pub(crate) fn order_id(request: &Request) -> Result<OrderId, Problem> {
    let parameters = request.path_parameters();
    let in_path = || {
        let (_, below) = request.uri().path().rsplit_once("/orders/")?;
        below.split('/').next()
    };
    let id = parameters.first("id").or_else(in_path).unwrap_or_default();
    // No order has an id that is no UUID.
    id.parse().map_err(|_| Problem::unknown_order(id))
}

/// Who sent the request, by IAM. A caller id is `role-id:session`, and sessions
/// come and go while the caller stays the same.
fn caller(request: &Request) -> String {
    http_context(request)
        .and_then(|context| {
            context
                .authorizer
                .as_ref()?
                .iam
                .as_ref()?
                .caller_id
                .as_deref()
        })
        .and_then(|caller_id| caller_id.split(':').next())
        .unwrap_or(ANONYMOUS)
        .to_owned()
}

pub(crate) fn http_context(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}
