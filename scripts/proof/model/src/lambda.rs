//! Lambda's actions: it invokes the function with the stream's records, and gives
//! records up.

use crate::{
    action::Action,
    process::Publisher,
    state::{Message, State},
};

impl State {
    /// Adds what the mapping can do next.
    pub(crate) fn offer_mapping(&self, actions: &mut Vec<Action>) {
        if self.process(Publisher::Stream).run.is_some() {
            return;
        }
        if !self.mapping.given_up.is_empty() {
            actions.push(Action::SendPointer);
            if self.faults_left > 0 {
                actions.push(Action::LosePointer);
            }
        } else if !self.mapping.batches.is_empty() {
            actions.push(Action::Begin(Publisher::Stream));
            if self.faults_left > 0 && self.is_old {
                actions.push(Action::Expire);
            }
        }
    }

    pub(crate) fn expire(&mut self) {
        self.faults_left -= 1;
        self.mapping.given_up = self.mapping.batches.remove(0).records;
    }

    pub(crate) fn send_pointer(&mut self) {
        let given_up = std::mem::take(&mut self.mapping.given_up);
        self.history.handed_over |= given_up;
        self.queue.insert(Message::Pointer(given_up));
    }

    /// Loses the pointer. The mapping continues as if it had been sent.
    pub(crate) fn lose_pointer(&mut self) {
        self.faults_left -= 1;
        self.history.handed_over |= std::mem::take(&mut self.mapping.given_up);
    }
}
