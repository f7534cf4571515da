//! What an HTTP request asks for.

use lambda_http::{
    Request, RequestExt,
    aws_lambda_events::apigw::ApiGatewayV2httpRequestContext,
    http::{HeaderMap, header::CONTENT_TYPE},
    request::RequestContext,
};
use mime::Mime;
use orders::{OrderId, PlaceOrder, Violation};
use serde_json::error::Category;

use crate::{idempotency::IdempotencyKey, problem::Problem};

/// Bytes of a body. 100 items of the longest names are 30 KB.
const MOST_BODY_BYTES: usize = 256 * 1024;

/// The caller where the API does not ask who it is: the local stack alone.
const ANONYMOUS: &str = "anonymous";

pub(crate) fn place_order(request: &Request) -> Result<PlaceOrder, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::unsupported_media_type());
    }
    let body: &[u8] = request.body();
    if body.len() > MOST_BODY_BYTES {
        return Err(Problem::body_too_large(body.len(), MOST_BODY_BYTES));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let command = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        not_a_command(&field, error.inner())
    })?;
    json.end()
        .map_err(|error| Problem::malformed_json(error.to_string()))?;
    Ok(command)
}

/// JSON that cannot be read, or that is no order. The latter is reported one
/// field at a time: there is no order yet to check as a whole.
fn not_a_command(field: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::invalid_order(vec![Violation {
            field: field.to_owned(),
            message: error.to_string(),
        }]),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::malformed_json(error.to_string())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.parse::<Mime>().ok())
        .is_some_and(|mime| mime.essence_str() == "application/json")
}

pub(crate) fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let mut keys = request.headers().get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Problem::several_idempotency_keys()),
        (Some(key), None) => {
            let key = IdempotencyKey::to_place_an_order(&caller(request), key.as_bytes())?;
            Ok(Some(key))
        }
    }
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
