//! What the calls of the functions say about each event.

use std::collections::{BTreeMap, HashMap};

use devstack::Call;
use serde_json::Value;
use tokio::time::Instant;

/// The calls of a round.
#[derive(Default)]
pub(super) struct Calls {
    /// The commit of each event.
    committed: HashMap<String, Instant>,
    /// When the bus accepted each event, the earliest first: more than one are duplicates.
    accepted: HashMap<String, Vec<Instant>>,
    /// The number of calls of each action.
    pub(super) actions: BTreeMap<String, u32>,
}

impl Calls {
    /// Adds a call. AWS has responded to it, without a fault on the way.
    pub(super) fn note(&mut self, call: &Call) {
        *self.actions.entry(call.action.clone()).or_default() += 1;
        let request: Value = serde_json::from_slice(&call.request).unwrap_or_default();
        let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
        for action in list("TransactItems") {
            let item = &action["Put"]["Item"];
            // Inbox records have an event id, too, but only rows of the outbox have a position.
            let is_row = item["position"].is_object();
            if let Some(id) = item["eventId"]["S"].as_str().filter(|_| is_row) {
                self.committed.insert(id.to_owned(), call.answered_at);
            }
        }
        for entry in list("Entries") {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            let id = detail["id"].as_str().unwrap().to_owned();
            self.accepted.entry(id).or_default().push(call.answered_at);
        }
    }

    /// Returns whether so many events are committed, and all of them published.
    pub(super) fn is_complete(&self, events: u32) -> bool {
        let mut committed = self.committed.keys();
        self.events() == events && committed.all(|id| self.accepted.contains_key(id))
    }

    /// Returns how many events were committed.
    pub(super) fn events(&self) -> u32 {
        number(self.committed.len())
    }

    /// Returns how many events the bus accepted, each counted once.
    pub(super) fn published(&self) -> u32 {
        number(self.accepted.len())
    }

    /// Returns how often the bus accepted an event again.
    pub(super) fn duplicates(&self) -> u32 {
        let again = self.accepted.values().map(|times| times.len() - 1);
        number(again.sum())
    }

    /// Returns the time of each event from its commit to the bus, in milliseconds. That is 0 if the
    /// bus's response came first: the stream has an event as soon as it is committed.
    ///
    /// # Panics
    ///
    /// If not every event is published: see [`is_complete`](Self::is_complete).
    pub(super) fn commit_to_bus(&self) -> impl Iterator<Item = f64> {
        self.committed.iter().map(|(id, committed)| {
            let took = self.accepted[id][0].saturating_duration_since(*committed);
            took.as_secs_f64() * 1e3
        })
    }
}

fn number(count: usize) -> u32 {
    count.try_into().unwrap()
}
