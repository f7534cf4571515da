//! A call of a function to AWS, as the proxy saw it.

use bytes::Bytes;
use hyper::HeaderMap;
use tokio::time::Instant;

/// A call that a function made and AWS answered.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function, from its variable `AWS_SDK_UA_APP_ID`.
    pub caller: Option<String>,
    /// The AWS action, such as `PutEvents`.
    pub action: String,
    /// The request as JSON.
    pub request: Bytes,
    /// When it was answered.
    pub answered_at: Instant,
}

/// Returns the application in the user agent of an AWS SDK.
pub(super) fn caller(headers: &HeaderMap) -> Option<String> {
    ["x-amz-user-agent", "user-agent"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .flat_map(str::split_whitespace)
        .find_map(|word| word.strip_prefix("app/"))
        .map(str::to_owned)
}
