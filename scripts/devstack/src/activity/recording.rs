//! A call of a function while it is answered.

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Recorder,
    calls::{Call, matters},
};

/// A call of a function that isn't answered yet. Dropping it records that it never was: its
/// connection was cut, or the function has given up.
pub(crate) struct Recording {
    /// `None` once it is recorded, or if the call means nothing for events.
    begun: Option<Begun>,
}

struct Begun {
    recorder: Recorder,
    caller: Option<String>,
    action: String,
    request: Bytes,
    is_damaged: bool,
    at: Timestamp,
}

impl Recording {
    /// Begins to record a call. `is_damaged` says whether a fault damages the event that the call
    /// commits.
    pub(crate) fn begin(
        recorder: &Recorder,
        caller: Option<&str>,
        action: &str,
        request: &Bytes,
        is_damaged: bool,
    ) -> Self {
        let begun = matters(action).then(|| Begun {
            recorder: recorder.clone(),
            caller: caller.map(str::to_owned),
            action: action.to_owned(),
            request: request.clone(),
            is_damaged,
            at: Timestamp::now(),
        });
        Self { begun }
    }

    /// Records the answer.
    pub(crate) fn answered(mut self, status: u16, body: &[u8]) {
        self.record(Some((status, body)));
    }

    fn record(&mut self, answer: Option<(u16, &[u8])>) {
        if let Some(begun) = self.begun.take() {
            let call = Call {
                caller: begun.caller.as_deref(),
                action: &begun.action,
                request: &begun.request,
                is_damaged: begun.is_damaged,
                answer,
            };
            begun.recorder.call(&call, begun.at);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.record(None);
    }
}
