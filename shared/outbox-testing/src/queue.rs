//! The dead-letter queue.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use outbox::ports::{CallError, Depth, Message};

use crate::fault::Fault;

/// The most messages of one request.
const AT_ONCE: usize = 10;

/// The dead-letter queue. A standard queue: it keeps no promise of order, and this one happens
/// to return the oldest messages first.
#[derive(Debug, Default)]
pub struct Queue {
    messages: Vec<QueuedMessage>,
    sent: u64,
    receipts: u64,
}

/// A message of the queue.
#[derive(Debug, Clone)]
pub struct QueuedMessage {
    /// The message, with the receipt of when it was received last.
    pub message: Message,
    /// Until when it is hidden, if it was received.
    pub hidden_until: Option<Timestamp>,
}

impl QueuedMessage {
    /// Returns whether it can't be received now.
    pub fn is_hidden(&self, now: Timestamp) -> bool {
        self.hidden_until.is_some_and(|until| until > now)
    }
}

/// The result of a delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedMessages {
    /// The messages that are gone by it.
    pub deleted: Vec<Message>,
    /// The ids of those that were not processed.
    pub failed: Vec<String>,
}

impl Queue {
    /// Returns the messages, the oldest first.
    pub fn messages(&self) -> &[QueuedMessage] {
        &self.messages
    }

    /// Removes a message, as if it were lost. Returns whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.messages.len();
        self.messages.retain(|queued| queued.message.id != id);
        self.messages.len() < before
    }

    /// Sends a message, and returns its id: `message-0`, `message-1`, and so on.
    pub fn send(&mut self, body: impl Into<String>, now: Timestamp) -> String {
        let id = format!("message-{}", self.sent);
        self.sent += 1;
        self.messages.push(QueuedMessage {
            message: Message {
                id: id.clone(),
                receipt: String::new(),
                body: body.into(),
                sent_at: Some(now),
            },
            hidden_until: None,
        });
        id
    }

    /// Receives up to so many messages, ten at most, and hides them for the given time.
    pub fn receive(&mut self, most: usize, visibility: Duration, now: Timestamp) -> Vec<Message> {
        let mut received = Vec::new();
        for queued in self
            .messages
            .iter_mut()
            .filter(|queued| !queued.is_hidden(now))
        {
            if received.len() == most.clamp(1, AT_ONCE) {
                break;
            }
            self.receipts += 1;
            queued.message.receipt = format!("{}/{}", queued.message.id, self.receipts);
            queued.hidden_until = Some(later(now, visibility));
            received.push(queued.message.clone());
        }
        received
    }

    /// Hides received messages for the given time from now.
    ///
    /// # Errors
    ///
    /// If there are more than ten, or one of them is not in flight. The others are hidden
    /// then.
    pub fn hide(
        &mut self,
        messages: &[Message],
        visibility: Duration,
        now: Timestamp,
    ) -> Result<(), CallError> {
        check_count(messages)?;
        let mut hidden = 0;
        for queued in &mut self.messages {
            if is_among(messages, queued) && queued.is_hidden(now) {
                queued.hidden_until = Some(later(now, visibility));
                hidden += 1;
            }
        }
        if hidden < messages.len() {
            return Err(CallError::Transient("MessageNotInflight".to_owned()));
        }
        Ok(())
    }

    /// Deletes messages. SQS ignores a delete by an old receipt, and reports no error.
    ///
    /// # Errors
    ///
    /// If there are more than ten; none is deleted then.
    pub fn delete(
        &mut self,
        messages: &[Message],
        fault: Option<&Fault>,
    ) -> Result<DeletedMessages, CallError> {
        check_count(messages)?;
        let mut result = DeletedMessages::default();
        for (index, message) in messages.iter().enumerate() {
            if Fault::skips(fault, index) {
                result.failed.push(message.id.clone());
                continue;
            }
            let one = std::slice::from_ref(message);
            let found = self
                .messages
                .iter()
                .position(|queued| is_among(one, queued));
            if let Some(found) = found {
                result.deleted.push(self.messages.remove(found).message);
            }
        }
        Ok(result)
    }

    /// Returns how many messages there are.
    pub fn depth(&self, now: Timestamp) -> Depth {
        let hidden = self.messages.iter().filter(|queued| queued.is_hidden(now));
        let hidden = hidden.count();
        Depth {
            visible: self.messages.len() - hidden,
            hidden,
        }
    }
}

fn later(now: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}

/// Returns whether one of these is the queued message, by its latest receipt.
fn is_among(messages: &[Message], queued: &QueuedMessage) -> bool {
    let receipt = &queued.message.receipt;
    messages.iter().any(|ours| ours.receipt == *receipt)
}

/// Rejects a whole request of too many messages, as SQS does.
fn check_count(messages: &[Message]) -> Result<(), CallError> {
    if messages.len() > AT_ONCE {
        let error = "TooManyEntriesInBatchRequest".to_owned();
        return Err(CallError::Transient(error));
    }
    Ok(())
}
