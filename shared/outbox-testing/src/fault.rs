//! What can go wrong with a call of a service.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use outbox::ports::{CallError, EntryError};

/// What goes wrong with one call.
///
/// A fault that makes no difference to an operation is ignored: only `PutEvents` rejects
/// single entries, for example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service rejects the call with this error, without effect: throttled, denied,
    /// invalid.
    Error(CallError),
    /// Another request writes the same item: rejected without effect. A transaction is
    /// cancelled with `TransactionConflict`.
    Conflict,
    /// The connection breaks before the service gets the request. The caller can't know
    /// whether the call had its effect; it had none.
    RequestLost,
    /// The connection breaks after the service has carried out the request. The caller can't
    /// know that it had its effect.
    ResponseLost,
    /// The response takes this much longer.
    Slow(Duration),
    /// The call never returns, and has no effect.
    Hang,
    /// `TransactWriteItems`: the caller gets no response in time, and the transaction is
    /// carried out this long after the request.
    Late(Duration),
    /// The service leaves these entries of the request unprocessed, by their index: keys of
    /// a look-up or a delete, messages of a delete.
    Unprocessed(BTreeSet<usize>),
    /// The bus rejects these entries of the request, by their index.
    Rejected(BTreeMap<usize, EntryError>),
    /// The bus handles all entries, and the response has results for only so many.
    ShortResults(usize),
    /// The page has this many items or records at most, although more follow.
    Page(usize),
    /// The iterator of the stream has expired.
    IteratorExpired,
}

impl Fault {
    /// Returns the fault of a throttled call.
    pub fn throttled() -> Self {
        Self::Error(CallError::Transient("ThrottlingException".to_owned()))
    }

    /// Returns the fault of a call without permission.
    pub fn denied() -> Self {
        Self::Error(CallError::Configuration("AccessDeniedException".to_owned()))
    }

    /// Returns whether the service leaves this entry of the request unprocessed.
    pub(crate) fn skips(fault: Option<&Self>, index: usize) -> bool {
        matches!(fault, Some(Self::Unprocessed(entries)) if entries.contains(&index))
    }

    /// Returns the most items or records of a page.
    pub(crate) fn page(fault: Option<&Self>) -> Option<usize> {
        match fault {
            Some(Self::Page(most)) => Some(*most),
            _ => None,
        }
    }
}

/// Why a call failed, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// The service has rejected it, without effect.
    Rejected(CallError),
    /// Another request writes the same item: rejected without effect.
    Conflict,
    /// There was no response: it may have had its effect, or not.
    NoResponse,
    /// The iterator of the stream has expired.
    IteratorExpired,
}

impl From<CallFailure> for CallError {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Rejected(error) => error,
            CallFailure::Conflict => Self::Transient("TransactionConflict".to_owned()),
            CallFailure::NoResponse => Self::Unanswered("no response".to_owned()),
            CallFailure::IteratorExpired => Self::Transient("ExpiredIteratorException".to_owned()),
        }
    }
}
