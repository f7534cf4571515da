//! The dead-letter queue, as its readers see it.

use std::{future::Future, time::Duration};

use jiff::Timestamp;

use crate::ports::CallError;

/// The dead-letter queue, as its readers see it.
///
/// ```no_run
/// use outbox::{
///     aws::SqsQueue,
///     ports::{CallError, DeadLetterQueue},
/// };
///
/// async fn is_empty(queue: &SqsQueue) -> Result<bool, CallError> {
///     let depth = queue.depth().await?;
///     Ok(depth.visible == 0 && depth.hidden == 0)
/// }
/// ```
pub trait DeadLetterQueue: Send + Sync {
    /// Receives up to `most` messages, ten at most, and hides them from other readers for the
    /// given time. An empty result means that no message is visible.
    fn receive(
        &self,
        most: usize,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, CallError>> + Send;

    /// Hides messages from other readers for the given time from now; a time of zero makes
    /// them visible. At most ten at once.
    fn hide(
        &self,
        messages: &[Message],
        visibility: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Deletes messages, at most ten at once. Returns the ids of those that were not deleted.
    fn delete(
        &self,
        messages: &[Message],
    ) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;

    /// Returns about how many messages there are.
    fn depth(&self) -> impl Future<Output = Result<Depth, CallError>> + Send;
}

/// How many messages a queue contains. SQS counts with a delay. See [`DeadLetterQueue`] for an
/// example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received.
    pub visible: usize,
    /// Messages in flight: received by a reader, and hidden from others.
    pub hidden: usize,
}

/// A message that was received from the queue. [`Letter::parse`](crate::replay::Letter::parse)
/// reads its body; see there for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id, the same each time the message is received.
    pub id: String,
    /// The receipt handle, with which it can be hidden and deleted. New each time the message
    /// is received.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}
