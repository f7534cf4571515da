//! The dead-letter queue, as a process of ours calls it.

use std::time::Duration;

use jiff::Timestamp;
use outbox::{
    Parked,
    ports::{CallError, DeadLetter, DeadLetterQueue, DeadLetters, Depth, Message},
};
use tokio::time::Instant;

use crate::{
    caller::Caller,
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    state::{QueuedMessage, State},
};

/// Most messages of one request.
const AT_ONCE: usize = 10;

impl DeadLetters for Caller {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let by = self.actor();
        if self.has(Mutant::ParkBeforeDeadLetter) {
            let mark = Parked {
                reason: letter.code.clone(),
                at: letter.at,
            };
            self.world
                .with(|state| state.park(&letter.key, None, &mark, by));
        }
        let now = self.world.now();
        let send = |state: &mut State, _| {
            let body = serde_json::to_string(letter).unwrap_or_default();
            state.send_letter(body, now);
            if let Some(event) = state.events.get_mut(&letter.key) {
                event.letters.insert(by);
            }
        };
        self.call(Operation::SendMessage, send).await
    }
}

impl State {
    /// Adds a message to the dead-letter queue.
    pub(crate) fn send_letter(&mut self, body: String, now: Timestamp) {
        let id = format!("message-{}", self.new_id());
        self.counts.dead_letters += 1;
        self.queue.push(QueuedMessage {
            message: Message {
                id,
                receipt: String::new(),
                body,
                sent_at: Some(now),
            },
            hidden_until: None,
        });
    }
}

impl DeadLetterQueue for Caller {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        let most = most.clamp(1, AT_ONCE);
        let deletes = self.has(Mutant::DeleteMessageFirst);
        let receive = |state: &mut State, _| {
            let now = Instant::now();
            let mut received = Vec::new();
            let mut receipt = state.new_id();
            for queued in &mut state.queue {
                if received.len() == most {
                    break;
                }
                if !queued.is_hidden(now) {
                    receipt += 1;
                    queued.message.receipt = format!("{}/{receipt}", queued.message.id);
                    queued.hidden_until = Some(now + visibility);
                    received.push(queued.message.clone());
                }
            }
            if deletes {
                for message in &received {
                    state.delete_letter(&message.id);
                }
            }
            received
        };
        self.call(Operation::ReceiveMessage, receive).await
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        check_message_count(messages)?;
        let hide = |state: &mut State, _| {
            let now = Instant::now();
            let mut hidden = 0;
            for queued in &mut state.queue {
                if is_among(messages, queued) && queued.is_hidden(now) {
                    queued.hidden_until = Some(now + visibility);
                    hidden += 1;
                }
            }
            hidden
        };
        let hidden = self.call(Operation::ChangeMessageVisibility, hide).await?;
        if hidden < messages.len() {
            return Err(CallError::Transient("MessageNotInflight".into()));
        }
        Ok(())
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        check_message_count(messages)?;
        let delete = |state: &mut State, fault| {
            let mut failed = Vec::new();
            for message in messages {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    failed.push(message.id.clone());
                } else if state
                    .queue
                    .iter()
                    .any(|it| is_among(std::slice::from_ref(message), it))
                {
                    // SQS ignores a delete by an old receipt, and reports no error.
                    state.delete_letter(&message.id);
                }
            }
            failed
        };
        self.call(Operation::DeleteMessage, delete).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let now = Instant::now();
        let (hidden, all) = self.world.with(|state| {
            let hidden = state.queue.iter().filter(|queued| queued.is_hidden(now));
            (hidden.count(), state.queue.len())
        });
        let visible = all - hidden;
        Ok(Depth { visible, hidden })
    }
}

impl QueuedMessage {
    fn is_hidden(&self, now: Instant) -> bool {
        self.hidden_until.is_some_and(|until| until > now)
    }
}

/// Returns whether one of these is the queued message, by its latest receipt.
fn is_among(messages: &[Message], queued: &QueuedMessage) -> bool {
    let receipt = &queued.message.receipt;
    messages.iter().any(|ours| ours.receipt == *receipt)
}

/// Rejects a whole request of too many messages, as SQS does.
fn check_message_count(messages: &[Message]) -> Result<(), CallError> {
    if messages.len() > AT_ONCE {
        return Err(CallError::Transient("TooManyEntriesInBatchRequest".into()));
    }
    Ok(())
}
