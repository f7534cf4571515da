//! The dead letters of a publisher that never parks.

use crate::ports::{CallError, DeadLetter, DeadLetters};

/// Sends nothing. A row is parked only after its dead letter was sent, so none is ever parked: that
/// is left to the relay behind the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeavesParking;

impl DeadLetters for LeavesParking {
    async fn send(&self, _: &DeadLetter) -> Result<(), CallError> {
        let message = "the relay behind the stream parks it".to_owned();
        Err(CallError::Configuration(message))
    }
}
