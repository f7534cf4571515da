use bytes::Bytes;
use hyper::HeaderMap;
use tokio::time::Instant;

/// A call that a function has made, and that was answered.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who made it, by the name in `AWS_SDK_UA_APP_ID`.
    pub caller: Option<String>,
    /// The AWS action, such as `PutEvents`.
    pub action: String,
    /// What was asked, as JSON.
    pub request: Bytes,
    /// When it was answered.
    pub answered_at: Instant,
}

/// The application that an AWS SDK names among the words of its user agent.
pub(super) fn caller(headers: &HeaderMap) -> Option<String> {
    ["x-amz-user-agent", "user-agent"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .flat_map(str::split_whitespace)
        .find_map(|word| word.strip_prefix("app/"))
        .map(str::to_owned)
}
