/// Why a call to a service did not do what it was asked to, and so what to do
/// about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It may work in a moment: throttled, no answer, an error of the service.
    /// Everything unknown is here, since giving up would be worse.
    #[error("{0}")]
    Transient(String),
    /// The set-up must be mended first: access, account, a missing resource, an
    /// encryption key.
    #[error("{0}")]
    SetUp(String),
    /// What was sent is refused for what it holds.
    #[error("{0}")]
    Content(String),
}
