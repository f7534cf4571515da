//! Whether this process may delete rows: nothing is published that can't be settled.
//!
//! An event whose row can't be deleted stays pending, and is published again by the next
//! process. Without the permission to delete, every sweep would publish the whole table again.
//! So a process sends one request, and waits for the deletes that follow, before it sends
//! several at once; and it stops as soon as a delete is denied.

use tokio::sync::watch;

use crate::ports::CallError;

/// What is known of the permission to delete rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum DeleteState {
    /// Nothing was deleted yet, or the last delete was denied.
    #[default]
    Unknown,
    /// The last delete succeeded.
    Allowed,
    /// The last delete was denied, with this error.
    Denied(CallError),
}

/// Passes what deletes find out to the puts of the same call.
pub(super) struct DeleteCheck {
    state: watch::Sender<DeleteState>,
}

impl DeleteCheck {
    /// Creates the check of a call. `allowed`: an earlier call of the process could delete.
    pub(super) fn new(allowed: bool) -> Self {
        let state = if allowed {
            DeleteState::Allowed
        } else {
            DeleteState::Unknown
        };
        Self {
            state: watch::Sender::new(state),
        }
    }

    pub(super) fn allow(&self) {
        self.state
            .send_if_modified(|state| replace(state, DeleteState::Allowed));
    }

    pub(super) fn deny(&self, error: CallError) {
        self.state
            .send_if_modified(|state| replace(state, DeleteState::Denied(error)));
    }

    pub(super) fn is_allowed(&self) -> bool {
        *self.state.borrow() == DeleteState::Allowed
    }

    pub(super) fn watch(&self) -> watch::Receiver<DeleteState> {
        self.state.subscribe()
    }
}

fn replace(state: &mut DeleteState, new: DeleteState) -> bool {
    let is_new = *state != new;
    *state = new;
    is_new
}
