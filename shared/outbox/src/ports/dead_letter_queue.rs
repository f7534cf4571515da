use std::{future::Future, time::Duration};

use jiff::Timestamp;

use crate::ports::CallError;

/// The dead-letter queue, as its readers see it.
pub trait DeadLetterQueue: Send + Sync {
    /// Takes up to ten messages, which nobody else sees for the given time. An
    /// empty answer means that there are none to be seen.
    fn receive(
        &self,
        most: usize,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, CallError>> + Send;

    /// Keeps messages from others' sight for the given time from now; for no
    /// time, gives them back. At most ten at once.
    fn hide(
        &self,
        messages: &[Message],
        visibility: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Deletes messages, at most ten at once. Answers the ids of those that were
    /// not deleted.
    fn delete(
        &self,
        messages: &[Message],
    ) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;

    /// How many messages there are, about.
    fn depth(&self) -> impl Future<Output = Result<Depth, CallError>> + Send;
}

/// How many messages a queue holds. SQS counts eventually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// To be seen by everybody.
    pub visible: usize,
    /// In somebody's hands at the moment.
    pub hidden: usize,
}

/// A message that was taken from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which message: the same each time it is received.
    pub id: String,
    /// What it can be hidden and deleted by, after this receipt.
    pub receipt: String,
    /// What it says.
    pub body: String,
    /// Since when it is there.
    pub sent_at: Option<Timestamp>,
}
