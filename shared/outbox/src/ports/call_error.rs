//! The error of a call to a service, sorted by what the relay does about it.

/// Why a call to a service failed, sorted by what to do about it.
///
/// ```
/// use outbox::ports::CallError;
///
/// fn advice(error: &CallError) -> &'static str {
///     match error {
///         CallError::Transient(_) | CallError::Unanswered(_) => "wait",
///         CallError::Configuration(_) => "fix the permissions or the configuration",
///         CallError::Content(_) => "fix the request",
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A retry may succeed: throttled, an internal error. Every unknown error is one of these,
    /// because a needless retry does less harm than a lost event.
    #[error("{0}")]
    Transient(String),
    /// No response arrived, or none that can be read: the service may have carried out the
    /// request. A retry may succeed, and an event that is put again may be put twice.
    #[error("{0}")]
    Unanswered(String),
    /// Permissions or configuration have to be fixed first: access, account, a missing
    /// resource, an encryption key.
    #[error("{0}")]
    Configuration(String),
    /// The service rejected the request for its content.
    #[error("{0}")]
    Content(String),
}

impl CallError {
    /// Returns whether a retry may succeed.
    ///
    /// ```
    /// use outbox::ports::CallError;
    ///
    /// assert!(CallError::Transient("throttled".into()).is_transient());
    /// assert!(CallError::Unanswered("the connection was cut".into()).is_transient());
    /// assert!(!CallError::Configuration("access denied".into()).is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_) | Self::Unanswered(_))
    }
}
