//! Headers that a request has once.

use lambda_http::http::{HeaderMap, HeaderValue};

/// A header that a request may have once was sent more often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated;

/// Returns the value of a header that a request may have once.
///
/// API Gateway and function URLs hand over a header that was sent twice as one
/// value, joined by a comma (payload format 2.0). Of that nothing is seen here, so
/// the reader of the value has to refuse the comma.
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
