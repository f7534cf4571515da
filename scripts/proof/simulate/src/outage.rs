//! An hour in which the bus throttles every request: what relay and sweeper do meanwhile.

use std::{collections::BTreeMap, time::Duration};

use outbox_testing::Operation;
use tokio::{task::spawn_local, time::sleep};

use crate::{
    caller::Role,
    commands::commit_about,
    design::Design,
    functions::{RelayProcess, sweep},
    mapping::start,
    run::{Seed, in_simulated_time},
    simulation::Simulation,
    state::{Setting, State},
};

/// How many aggregates the events are about.
const AGGREGATES: u64 = 20;

/// More events than services commit in the hour.
const EVENTS: u64 = 10_000;

const HOUR: Duration = Duration::from_hours(1);

/// What the invocations of a function took.
#[derive(Debug, Clone, Default)]
pub struct Effort {
    /// How many there were.
    pub invocations: u64,
    /// How long they lasted in all.
    pub time: Duration,
    /// Their calls.
    pub calls: BTreeMap<Operation, u64>,
}

/// An hour of an outage, with one shard.
#[derive(Debug, Clone)]
pub struct Outage {
    /// How many events waited in the end.
    pub pending: usize,
    /// What the relay did.
    pub relay: Effort,
    /// What the sweeper did.
    pub sweeper: Effort,
}

/// Returns what is done in the first hour of an outage.
///
/// # Panics
///
/// If the runtime can't be started.
pub fn outage(seed: Seed) -> Outage {
    in_simulated_time(seed, async {
        let simulation = Simulation::new(&Setting {
            seed,
            design: Design::ThisOne,
            mutant: None,
            order: Design::ThisOne.order(),
            several_of_aggregate: true,
            is_varied: false,
            publishes_at_once: false,
            has_small_pages: false,
            is_fault_free: true,
            has_bad_events: false,
            keeps_history: false,
        });
        simulation.with(|state| state.fault_plan.throttle_bus(HOUR));
        spawn_local(sweep(simulation.clone()));
        let _mapping = start::<RelayProcess>(&simulation);
        spawn_local(commit_about(simulation.clone(), AGGREGATES, EVENTS));
        sleep(HOUR).await;
        simulation.with(|state| Outage {
            pending: state.keys_of_rows(false).len(),
            relay: state.effort(Role::Relay).clone(),
            sweeper: state.effort(Role::Sweeper).clone(),
        })
    })
}

impl State {
    /// Returns what the invocations of this role took so far.
    pub(crate) fn effort(&mut self, role: Role) -> &mut Effort {
        self.efforts.entry(role).or_default()
    }
}
