//! The outcome of a history, in numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use outbox_testing::Operation;
use tokio::time::Instant;

use crate::{
    design::Design, fault_plan::FaultKind, oracle::EventRecord, simulation::Simulation,
    state::State,
};

/// The outcome of a history, or of several.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Events that were committed.
    pub committed: u64,
    /// Events that the bus never got, and that are neither in the table nor in a dead letter.
    pub lost: u64,
    /// Unpublished events that are in the table or in a dead letter.
    pub unpublished: u64,
    /// Events that the bus got after a later one of their aggregate.
    pub out_of_order: u64,
    /// Seconds from the commit of each published event to the bus.
    pub delays: Vec<i64>,
    /// Times the bus accepted an event that it had accepted before.
    pub duplicates: u64,
    /// Events lost by a bus that had just been deleted.
    pub allowed_losses: u64,
    /// Events that operators discarded.
    pub discarded: u64,
    /// Dead letters sent.
    pub dead_letters: u64,
    /// Invocations and commands of operators.
    pub invocations: u64,
    /// Processes that died or timed out.
    pub deaths: u64,
    /// Calls of services.
    pub calls: u64,
    /// The calls among them that weren't needed for a commit.
    pub calls_to_publish: u64,
    /// Simulated time.
    pub lasted: Duration,
    /// How often each fault affected each operation.
    pub faults: BTreeMap<(Operation, FaultKind), u64>,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    /// What happened, line by line, if the plan asked for it.
    pub history: Vec<String>,
}

impl Report {
    /// Adds the numbers of another history.
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.lost += other.lost;
        self.unpublished += other.unpublished;
        self.out_of_order += other.out_of_order;
        self.delays.extend(&other.delays);
        self.calls_to_publish += other.calls_to_publish;
        self.duplicates += other.duplicates;
        self.allowed_losses += other.allowed_losses;
        self.discarded += other.discarded;
        self.dead_letters += other.dead_letters;
        self.invocations += other.invocations;
        self.deaths += other.deaths;
        self.calls += other.calls;
        self.lasted += other.lasted;
        for (affected, times) in &other.faults {
            *self.faults.entry(*affected).or_default() += times;
        }
    }

    /// Returns how often each fault affected a call.
    pub fn faults_by_kind(&self) -> BTreeMap<FaultKind, u64> {
        let mut kinds = BTreeMap::new();
        for ((_, fault), times) in &self.faults {
            *kinds.entry(*fault).or_default() += times;
        }
        kinds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        let days = self.lasted.as_secs() / 86_400;
        for (name, count) in [
            ("events committed", self.committed),
            ("violations", self.violations.len() as u64),
            ("duplicates, each with a cause", self.duplicates),
            ("lost by a bus just deleted", self.allowed_losses),
            ("discarded by operators", self.discarded),
            ("dead letters", self.dead_letters),
            ("invocations", self.invocations),
            ("processes that died", self.deaths),
            ("calls of services", self.calls),
            ("simulated days", days),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        for (fault, times) in self.faults_by_kind() {
            table.add_row([format!("calls affected by {fault:?}"), times.to_string()]);
        }
        table.fmt(f)
    }
}

/// Returns the outcome of a history.
pub(crate) fn report(simulation: &Simulation, begun: Instant) -> Report {
    simulation.with(|state| Report {
        lost: state.count_events(Place::Lost),
        unpublished: state.count_events(Place::Kept),
        out_of_order: state.counts.out_of_order,
        delays: state.delays(),
        calls_to_publish: state.counts.calls - state.counts.calls_to_commit,
        committed: state.counts.committed,
        duplicates: state.counts.duplicates,
        allowed_losses: state
            .events
            .values()
            .filter(|event| event.is_loss_allowed && event.accepted.is_empty())
            .count() as u64,
        discarded: state.counts.discarded,
        dead_letters: state.counts.dead_letters,
        invocations: state.counts.invocations,
        deaths: state.counts.deaths,
        calls: state.counts.calls,
        lasted: begun.elapsed(),
        faults: state.fault_plan.fault_counts().clone(),
        violations: state.violations.iter().map(ToString::to_string).collect(),
        history: state.history(),
    })
}

/// Where an event is that the bus never got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nowhere.
    Lost,
    /// In the table, or in a dead letter.
    Kept,
}

impl State {
    /// Counts the unpublished events in this place.
    fn count_events(&self, place: Place) -> u64 {
        let has_table = self.design == Design::OneEventACall || self.design.is_ours();
        let mut named = BTreeSet::new();
        for queued in self.services.queue.messages() {
            named.extend(self.keys_named_in(&queued.message.body));
        }
        let unsettled = self.events.iter().filter(|(_, event)| !event.is_settled());
        let places = unsettled.map(|(key, _)| {
            if has_table && self.services.table.row(key).is_some() || named.contains(key) {
                Place::Kept
            } else {
                Place::Lost
            }
        });
        places.filter(|found| *found == place).count() as u64
    }

    /// Returns the seconds from each commit to its event's first arrival at the bus.
    fn delays(&self) -> Vec<i64> {
        let delays = self.events.values().filter_map(EventRecord::delay);
        delays.map(|delay| delay.as_secs()).collect()
    }
}
