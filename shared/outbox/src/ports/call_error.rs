//! The error of a call to a service, sorted by what the relay does about it.

/// Why a call to a service failed, sorted by what to do about it.
///
/// ```
/// use outbox::ports::CallError;
///
/// fn advice(error: &CallError) -> &'static str {
///     match error {
///         CallError::Transient(_) => "wait",
///         CallError::Configuration(_) => "fix the permissions or the configuration",
///         CallError::Content(_) => "fix the request",
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A retry may succeed: throttled, timed out, an internal error. Every unknown error is
    /// one of these, because a needless retry does less harm than a lost event.
    #[error("{0}")]
    Transient(String),
    /// Permissions or configuration have to be fixed first: access, account, a missing
    /// resource, an encryption key.
    #[error("{0}")]
    Configuration(String),
    /// The service rejected the request for its content.
    #[error("{0}")]
    Content(String),
}
