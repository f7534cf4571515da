//! Which calls go wrong, and how.

use std::{future::pending, time::Duration};

use outbox::RowKey;
use tokio::time::sleep;

use crate::{
    fault::{CallFailure, Fault},
    operation::Operation,
};

/// A call of a service, as a fault plan sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// The operation.
    pub operation: Operation,
    /// The rows that the request names, in its order. Empty if it names none: a scan, a
    /// transaction, a call of the queue.
    pub rows: &'c [RowKey],
    /// How many entries the request has, each of which may fail on its own: rows, or messages.
    pub entries: usize,
}

impl<'c> Call<'c> {
    /// Creates a call that names these rows.
    pub fn on_rows(operation: Operation, rows: &'c [RowKey]) -> Self {
        Self {
            operation,
            rows,
            entries: rows.len(),
        }
    }

    /// Creates a call that names no rows, with so many entries.
    pub fn with_entries(operation: Operation, entries: usize) -> Call<'static> {
        Call {
            operation,
            rows: &[],
            entries,
        }
    }
}

impl From<Operation> for Call<'static> {
    fn from(operation: Operation) -> Self {
        Self::with_entries(operation, 0)
    }
}

/// Decides for each call what goes wrong with it.
///
/// A closure is one:
///
/// ```
/// use outbox_testing::{Call, Fault, InMemoryAws, Operation};
///
/// let aws = InMemoryAws::new();
/// let mut calls = 0;
/// aws.set_fault_plan(move |call: &Call<'_>| {
///     calls += 1;
///     let is_third_delete = call.operation == Operation::BatchWriteItem && calls % 3 == 0;
///     is_third_delete.then(Fault::throttled)
/// });
/// ```
pub trait FaultPlan: Send {
    /// Returns how this call goes.
    fn plan(&mut self, call: &Call<'_>) -> CallPlan;
}

impl<F: FnMut(&Call<'_>) -> Option<Fault> + Send> FaultPlan for F {
    fn plan(&mut self, call: &Call<'_>) -> CallPlan {
        self(call).into()
    }
}

/// How one call goes. By default it takes no time and has no fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPlan {
    /// How long the request takes. The call has its effect after that.
    pub request_takes: Duration,
    /// How long the response takes.
    pub response_takes: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl From<Option<Fault>> for CallPlan {
    fn from(fault: Option<Fault>) -> Self {
        Self {
            fault,
            ..Self::default()
        }
    }
}

impl CallPlan {
    /// Makes the call: the request travels, has its effect unless a fault prevents that, and
    /// the response travels back. `effect` gets the fault, which may change what it does.
    ///
    /// # Errors
    ///
    /// If the call has no effect, or its caller gets no response.
    pub async fn perform<T>(
        self,
        effect: impl FnOnce(Option<&Fault>) -> T,
    ) -> Result<T, CallFailure> {
        pause(self.request_takes).await;
        let failure = match &self.fault {
            Some(Fault::Error(error)) => Some(CallFailure::Rejected(error.clone())),
            Some(Fault::Conflict) => Some(CallFailure::Conflict),
            Some(Fault::RequestLost) => Some(CallFailure::NoResponse),
            Some(Fault::IteratorExpired) => Some(CallFailure::IteratorExpired),
            Some(Fault::Hang) => pending().await,
            _ => None,
        };
        let result = match failure {
            Some(failure) => Err(failure),
            None => Ok(effect(self.fault.as_ref())),
        };
        pause(self.response_takes).await;
        match self.fault {
            Some(Fault::Slow(time)) => pause(time).await,
            Some(Fault::ResponseLost) => return Err(CallFailure::NoResponse),
            _ => {}
        }
        result
    }
}

/// Sleeps, if there is anything to wait for: tokio's shortest sleep takes a millisecond.
async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
