//! The dead-letter queue, as a process of ours calls it.

use std::time::Duration;

use jiff::Timestamp;
use outbox::{
    Parked,
    ports::{CallError, DeadLetter, DeadLetterQueue, DeadLetters, Depth, Message},
};
use outbox_testing::{Call, Fault, Operation};

use crate::{caller::Caller, mutants::Mutant, state::State};

impl DeadLetters for Caller {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        let by = self.actor();
        if self.has(Mutant::ParkBeforeDeadLetter) {
            let mark = Parked {
                reason: letter.code.clone(),
                at: letter.at,
            };
            self.simulation
                .with(|state| state.park(&letter.key, None, &mark, by));
        }
        let send = |state: &mut State, _: Option<&Fault>| {
            let body = serde_json::to_string(letter).unwrap_or_default();
            let now = state.now();
            state.send_letter(body, now);
            if let Some(event) = state.events.get_mut(&letter.key) {
                event.letters.insert(by);
            }
        };
        let call = Call::on_rows(Operation::SendMessage, std::slice::from_ref(&letter.key));
        let result = self.call(call, send).await;
        self.note_unparked(&letter.key, &result);
        result
    }
}

impl State {
    /// Adds a message to the dead-letter queue.
    pub(crate) fn send_letter(&mut self, body: String, now: Timestamp) {
        self.counts.dead_letters += 1;
        self.services.queue.send(body, now);
    }

    /// Deletes messages, whose rows must not be pending. Returns the ids of those that were
    /// not processed.
    fn delete_letters(
        &mut self,
        messages: &[Message],
        fault: Option<&Fault>,
    ) -> Result<Vec<String>, CallError> {
        let result = self.services.queue.delete(messages, fault)?;
        for message in &result.deleted {
            self.check_deleted_letter(message);
        }
        Ok(result.failed)
    }
}

impl DeadLetterQueue for Caller {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        let deletes = self.has(Mutant::DeleteMessageFirst);
        let receive = |state: &mut State, _: Option<&Fault>| {
            let now = state.now();
            let received = state.services.queue.receive(most, visibility, now);
            if deletes {
                let _ = state.delete_letters(&received, None);
            }
            received
        };
        self.call(Operation::ReceiveMessage.into(), receive).await
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        let hide = |state: &mut State, _: Option<&Fault>| {
            let now = state.now();
            state.services.queue.hide(messages, visibility, now)
        };
        self.call(Operation::ChangeMessageVisibility.into(), hide)
            .await?
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        let delete =
            |state: &mut State, fault: Option<&Fault>| state.delete_letters(messages, fault);
        let call = Call::with_entries(Operation::DeleteMessage, messages.len());
        self.call(call, delete).await?
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let depth = |state: &mut State| state.services.queue.depth(state.services.now());
        Ok(self.simulation.with(depth))
    }
}
