//! Headers that a request may have only once.

use lambda_http::http::{HeaderMap, HeaderValue};

/// The error for a header that is sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated;

/// Returns the value of a header that a request may have only once.
///
/// API Gateway and function URLs join a header that was sent twice into one value
/// with a comma (payload format 2.0). That is not visible here, so the caller has to
/// reject the comma.
pub(crate) fn single_header<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Repeated),
    }
}
