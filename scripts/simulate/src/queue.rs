//! The dead-letter queue, as a process of ours sees it.

use std::time::Duration;

use jiff::Timestamp;
use outbox::{
    Parked,
    relay::{CallError, DeadLetter, DeadLetters},
    replay::{DeadLetterQueue, Depth, Message},
};
use tokio::time::Instant;

use crate::{
    bugs::Bug,
    caller::Caller,
    weather::{Fault, Operation},
    world::{Queued, State},
};

impl DeadLetters for Caller {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let by = self.actor();
        if self.has(Bug::ParkBeforeDeadLetter) {
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
            if let Some(truth) = state.events.get_mut(&letter.key) {
                truth.letters.insert(by);
            }
        };
        self.call(Operation::SendMessage, send).await
    }
}

impl State {
    /// A message comes to the dead-letter queue.
    pub(crate) fn send_letter(&mut self, body: String, now: Timestamp) {
        let id = format!("message-{}", self.new_id());
        self.counts.dead_letters += 1;
        self.queue.push(Queued {
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
        let deletes = self.has(Bug::DeleteMessageFirst);
        let receive = |state: &mut State, _| {
            let now = Instant::now();
            let mut received = Vec::new();
            let mut receipt = state.new_id();
            for queued in &mut state.queue {
                if received.len() == most {
                    break;
                }
                if queued.hidden_until.is_none_or(|until| until <= now) {
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
        let hide = |state: &mut State, _| {
            let until = Instant::now() + visibility;
            for Queued {
                message,
                hidden_until,
            } in &mut state.queue
            {
                if messages.iter().any(|ours| ours.receipt == message.receipt) {
                    *hidden_until = Some(until);
                }
            }
        };
        self.call(Operation::ChangeMessageVisibility, hide).await
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let delete = |state: &mut State, fault| {
            let mut failed = Vec::new();
            for message in messages {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    failed.push(message.id.clone());
                } else {
                    state.delete_letter(&message.id);
                }
            }
            failed
        };
        self.call(Operation::DeleteMessage, delete).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let visible = self.world.with(|state| state.queue.len());
        Ok(Depth { visible, hidden: 0 })
    }
}
