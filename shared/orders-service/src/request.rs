//! Reads commands, ids and headers from HTTP requests.

use lambda_http::{
    Request, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext,
    http::header::CONTENT_TYPE, request::RequestContext,
};
use orders::{InvalidOrder, OrderId, PlaceOrder, Violation};
use outbox::{Traceparent, json_problem};
use serde::de::IgnoredAny;

use crate::{
    idempotency::{IdempotencyKey, InvalidIdempotencyKey},
    media_type,
    origin::Origin,
    problem::Problem,
    single_header::{Repeated, single_header},
};

/// The largest body in bytes. 100 items with the longest names are at most 160 KB, with every
/// character escaped.
const MOST_BODY_BYTES: usize = 256 * 1024;

/// How much of the path of a wrong field is returned.
const MOST_FIELD_CHARS: usize = 200;

/// Parses the command to place an order.
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

/// Returns the problem of a body that is not JSON, or that is JSON but not an
/// order. The latter names only the first wrong field, because there is no command
/// yet that could be validated as a whole.
///
/// Only the grammar decides between the two. The parser also reports a syntax error
/// for a value beyond its own limits, although JSON allows numbers of any size,
/// lone surrogates, and any depth of arrays.
fn not_a_command(body: &[u8], field: &str, error: &serde_json::Error) -> Problem {
    match check_grammar(body) {
        Err(malformed) => Problem::malformed_json(malformed),
        Ok(()) => Problem::invalid_order(InvalidOrder::new(vec![Violation {
            // The key of a field that an order doesn't have may be long.
            field: field.chars().take(MOST_FIELD_CHARS).collect(),
            // Not the value, which may be as long as the body.
            message: json_problem(error),
        }])),
    }
}

/// Checks that bytes follow the grammar of JSON, regardless of the values.
fn check_grammar(body: &[u8]) -> Result<(), String> {
    // The parser skips strings without checking their encoding.
    let text = str::from_utf8(body).map_err(|error| error.to_string())?;
    let skipped: Result<IgnoredAny, _> = serde_json::from_str(text);
    skipped.map(drop).map_err(|error| error.to_string())
}

fn is_json(request: &Request) -> bool {
    // Two values that were joined by a comma are no media type, so they are rejected.
    let content_type = single_header(request.headers(), CONTENT_TYPE.as_str());
    matches!(content_type, Ok(Some(value)) if media_type::is_json(value))
}

/// Returns the idempotency key of a caller's request, if it has one.
pub(crate) fn idempotency_key(
    request: &Request,
    caller: &str,
) -> Result<Option<IdempotencyKey>, Problem> {
    let key = single_header(request.headers(), "idempotency-key")
        .map_err(|Repeated| InvalidIdempotencyKey::Repeated)?;
    let key = key.map(|key| IdempotencyKey::for_place_order(caller, key.as_bytes()));
    Ok(key.transpose()?)
}

/// Returns the order id in the path `/orders/{id}` or below. With a function URL there
/// are no path parameters, so the path itself is parsed.
pub(crate) fn order_id(request: &Request) -> Result<OrderId, Problem> {
    let parameters = request.path_parameters();
    let in_path = || {
        let (_, below) = request.uri().path().rsplit_once("/orders/")?;
        below.split('/').next()
    };
    let id = parameters.first("id").or_else(in_path).unwrap_or_default();
    // Every order id is a UUID, so another id is unknown rather than malformed.
    id.parse().map_err(|_| Problem::unknown_order(id))
}

/// Returns who sent the request, from IAM. A caller id is `role-id:session`; the
/// session is left out, because it changes between retries of the same caller.
pub(crate) fn caller(request: &Request) -> Option<String> {
    let iam = http_context(request)?.authorizer.as_ref()?.iam.as_ref()?;
    let caller = iam.caller_id.as_deref()?.split(':').next()?;
    (!caller.is_empty()).then(|| caller.to_owned())
}

/// Returns the ids that connect the request with its events and log lines.
pub(crate) fn origin(request: &Request) -> Origin {
    let lambda = request.lambda_context_ref();
    let trace_header = lambda.and_then(|context| context.xray_trace_id.clone());
    // Of two headers it is unknown which is right, so both are ignored. Joined by a comma
    // they are not a valid traceparent either.
    let callers = single_header(request.headers(), "traceparent")
        .ok()
        .flatten();
    let callers = callers.and_then(|value| Traceparent::parse(value.to_str().ok()?));
    Origin {
        correlation_id: http_context(request).and_then(|context| context.request_id.clone()),
        traceparent: callers.or_else(|| Traceparent::from_x_ray(trace_header.as_deref()?)),
        trace_header,
    }
}

fn http_context(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}
