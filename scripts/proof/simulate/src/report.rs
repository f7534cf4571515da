//! What became of a history, in numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    designs::Design,
    truth::Truth,
    weather::{Fault, Operation},
    world::{State, World},
};

/// What became of a history.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Events that were committed.
    pub committed: u64,
    /// Events that nobody has any more, and the bus never got.
    pub lost: u64,
    /// Events that wait for a person in the table or the dead-letter queue.
    pub left: u64,
    /// Events that the bus got after a later one of their aggregate.
    pub out_of_order: u64,
    /// How long each event took that the bus got, in seconds.
    pub waits: Vec<i64>,
    /// Times the bus took an event that it had taken before.
    pub duplicates: u64,
    /// Events that went to a bus deleted less than a minute before.
    pub excused: u64,
    /// Events a person discarded.
    pub discarded: u64,
    /// Dead letters sent.
    pub dead_letters: u64,
    /// Times a function was invoked.
    pub invocations: u64,
    /// Times a process died.
    pub deaths: u64,
    /// Calls of services.
    pub calls: u64,
    /// Those that were not there to commit.
    pub calls_to_publish: u64,
    /// Simulated time.
    pub lasted: Duration,
    /// How often each fault struck each operation.
    pub faults: BTreeMap<(Operation, Fault), u64>,
    /// What must never have happened, and did.
    pub violations: Vec<String>,
    /// What happened, if somebody wanted to read it.
    pub history: Vec<String>,
}

impl Report {
    /// Adds another history's numbers.
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.lost += other.lost;
        self.left += other.left;
        self.out_of_order += other.out_of_order;
        self.waits.extend(&other.waits);
        self.calls_to_publish += other.calls_to_publish;
        self.duplicates += other.duplicates;
        self.excused += other.excused;
        self.discarded += other.discarded;
        self.dead_letters += other.dead_letters;
        self.invocations += other.invocations;
        self.deaths += other.deaths;
        self.calls += other.calls;
        self.lasted += other.lasted;
        for (struck, times) in &other.faults {
            *self.faults.entry(*struck).or_default() += times;
        }
    }

    /// How often each fault struck.
    pub fn faults_by_kind(&self) -> BTreeMap<Fault, u64> {
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
            ("duplicates, each explained", self.duplicates),
            ("sent to a bus just deleted", self.excused),
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
            table.add_row([format!("struck by {fault:?}"), times.to_string()]);
        }
        table.fmt(f)
    }
}

pub(crate) fn report(world: &World, begun: Instant) -> Report {
    let history = world.history();
    world.with(|state| Report {
        lost: state.count_events(Ending::Lost),
        left: state.count_events(Ending::Left),
        out_of_order: state.counts.out_of_order,
        waits: state.waits(),
        calls_to_publish: state.counts.calls - state.counts.calls_to_commit,
        committed: state.counts.committed,
        duplicates: state.counts.duplicates,
        excused: state
            .events
            .values()
            .filter(|truth| truth.excused && truth.accepted.is_empty())
            .count() as u64,
        discarded: state.counts.discarded,
        dead_letters: state.counts.dead_letters,
        invocations: state.counts.invocations,
        deaths: state.counts.deaths,
        calls: state.counts.calls,
        lasted: begun.elapsed(),
        faults: state.weather.met().clone(),
        violations: state
            .violations
            .iter()
            .map(|violation| match &violation.key {
                Some(key) => format!("{}: {key}", violation.what),
                None => violation.what.to_owned(),
            })
            .collect(),
        history,
    })
}

/// Where an event is that the bus never got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Lost,
    Left,
}

impl State {
    fn count_events(&self, ending: Ending) -> u64 {
        let has_table = matches!(self.design, Design::OneEventACall | Design::ThisOne);
        let mut named = BTreeSet::new();
        for queued in &self.queue {
            named.extend(self.named_by(&queued.message.body));
        }
        let unsettled = self.events.iter().filter(|(_, truth)| !truth.is_settled());
        let endings = unsettled.map(|(key, _)| {
            if has_table && self.rows.contains_key(key) || named.contains(key) {
                Ending::Left
            } else {
                Ending::Lost
            }
        });
        endings.filter(|found| *found == ending).count() as u64
    }

    fn waits(&self) -> Vec<i64> {
        let first = |truth: &Truth| {
            let first = truth.accepted.first()?;
            Some(first.at.duration_since(truth.committed_at).as_secs())
        };
        self.events.values().filter_map(first).collect()
    }
}
