//! An invocation of the function, as failure messages describe it.

/// What failure messages contain about an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// Lambda's id of the request.
    pub request_id: String,
    /// The version that ran: `$LATEST`, or a number.
    pub executed_version: String,
    /// `Unhandled`, or none if the function returned a response.
    pub function_error: Option<String>,
}
