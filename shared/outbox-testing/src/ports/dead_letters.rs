//! The dead-letter queue, as the relay and its readers call it.

use std::time::Duration;

use outbox::ports::{CallError, DeadLetter, DeadLetterQueue, DeadLetters, Depth, Message};

use crate::{aws::InMemoryAws, fault_plan::Call, journal::Happened, operation::Operation};

impl DeadLetters for InMemoryAws {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let body = to_body(letter)?;
        let keys = std::slice::from_ref(&letter.key);
        self.call(
            Call::on_rows(Operation::SendMessage, keys),
            |services, _| {
                let now = services.now();
                services.queue.send(body, now);
                self.note([Happened::LetterSent(letter.key.clone())]);
            },
        )
        .await?;
        Ok(())
    }
}

fn to_body(letter: &DeadLetter) -> Result<String, CallError> {
    serde_json::to_string(letter).map_err(|error| CallError::Content(error.to_string()))
}

impl DeadLetterQueue for InMemoryAws {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        let received = self.call(Operation::ReceiveMessage.into(), |services, _| {
            let now = services.now();
            services.queue.receive(most, visibility, now)
        });
        Ok(received.await?)
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        let hidden = self.call(Operation::ChangeMessageVisibility.into(), |services, _| {
            let now = services.now();
            services.queue.hide(messages, visibility, now)
        });
        hidden.await?
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let deleted = self.call(
            Call::with_entries(Operation::DeleteMessage, messages.len()),
            |services, fault| services.queue.delete(messages, fault),
        );
        let result = deleted.await??;
        let deleted = result.deleted.into_iter();
        self.note(deleted.map(|message| Happened::MessageDeleted(message.id)));
        Ok(result.failed)
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let depth = self.call(Operation::GetQueueAttributes.into(), |services, _| {
            let now = services.now();
            services.queue.depth(now)
        });
        Ok(depth.await?)
    }
}
