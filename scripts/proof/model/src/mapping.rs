//! Lambda's stream mapping, as the construct sets it up and the crate
//! `stream-mapping` has it: one shard, bisecting, partial failures.

use crate::{
    action::Action,
    event::{Event, Events, union},
    state::{Message, Publisher, State},
};

/// How often a record that stands alone is tried again; 30 times in truth.
const MAXIMUM_RETRY_ATTEMPTS: u8 = 1;

/// How far the mapping has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mapping {
    /// What is to be tried, one after the other.
    batches: Vec<Batch>,
    /// Records that were given up, and of which nobody was told yet.
    given_up: Events,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Batch {
    records: Events,
    failures: u8,
}

impl Default for Mapping {
    fn default() -> Self {
        let records = Events::all();
        Self {
            batches: vec![Batch {
                records,
                failures: 0,
            }],
            given_up: Events::empty(),
        }
    }
}

impl Mapping {
    /// Every record was done, or given up and told of.
    pub(crate) fn is_through(&self) -> bool {
        self.backlog().is_empty()
    }

    /// Records that are not done yet.
    pub(crate) fn backlog(&self) -> Events {
        self.given_up | union(self.batches.iter().map(|batch| batch.records))
    }

    /// The records that are tried now.
    pub(crate) fn batch(&self) -> Events {
        let first = self.batches.first();
        first.map_or(Events::empty(), |batch| batch.records)
    }

    /// The invocation has ended, and these of its records are to come again.
    pub(crate) fn completed(&mut self, again: Events) {
        let Batch { records, failures } = self.batches.remove(0);
        let mut try_next = |records, failures| self.batches.insert(0, Batch { records, failures });
        if again.is_empty() {
            return;
        }
        if again != records {
            // The checkpoint has moved: retries start afresh.
            try_next(again, 0);
        } else if let Some(middle) = middle(again) {
            let second = again & middle.and_behind();
            try_next(second, failures);
            try_next(again - second, failures);
        } else if failures < MAXIMUM_RETRY_ATTEMPTS {
            try_next(again, failures + 1);
        } else {
            self.given_up = again;
        }
    }
}

/// Where a batch is halved; nowhere, if it is a single record.
fn middle(records: Events) -> Option<Event> {
    records.iter().nth(records.len().div_ceil(2))
}

impl State {
    pub(crate) fn offer_mapping(&self, actions: &mut Vec<Action>) {
        if self.process(Publisher::Stream).run.is_some() {
            return;
        }
        if !self.mapping.given_up.is_empty() {
            actions.push(Action::SendPointer);
            if self.troubles > 0 {
                actions.push(Action::LosePointer);
            }
        } else if !self.mapping.batches.is_empty() {
            actions.push(Action::Begin(Publisher::Stream));
            if self.troubles > 0 && self.is_old {
                actions.push(Action::Expire);
            }
        }
    }

    pub(crate) fn expire(&mut self) {
        self.troubles -= 1;
        self.mapping.given_up = self.mapping.batches.remove(0).records;
    }

    pub(crate) fn send_pointer(&mut self) {
        let given_up = std::mem::take(&mut self.mapping.given_up);
        self.history.left |= given_up;
        self.queue.insert(Message::Pointer(given_up));
    }

    /// The shard goes on all the same.
    pub(crate) fn lose_pointer(&mut self) {
        self.troubles -= 1;
        self.history.left |= std::mem::take(&mut self.mapping.given_up);
    }
}
