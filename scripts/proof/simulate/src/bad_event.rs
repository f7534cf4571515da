//! One event that the bus rejects for now, for ever, and nothing else that fails: how long
//! the events of other aggregates wait because of it.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::{task::spawn_local, time::sleep};

use crate::{
    commands::commit_about,
    design::Design,
    functions::{RelayProcess, sweep},
    mapping::start,
    record_by_record::RecordByRecord,
    run::{Seed, in_simulated_time},
    simulation::Simulation,
    state::{Setting, State},
};

/// How many aggregates the events are about.
const AGGREGATES: u64 = 20;

/// Twice as long as a stream keeps records: what isn't published by then never will be.
const AFTERWARDS: Duration = Duration::from_hours(50);

/// What happened to the events of the aggregates without a bad event.
#[derive(Debug, Clone, Default)]
pub struct OtherEvents {
    /// How long after its commit each of them was on the bus.
    pub delays: Vec<SignedDuration>,
    /// How many never were.
    pub unpublished: u64,
    /// What must never happen, and did.
    pub violations: Vec<String>,
}

/// Commits so many events, the first of which the bus rejects for ever, and returns what
/// happened to those of other aggregates.
///
/// # Panics
///
/// If the runtime can't be started.
pub fn beside_bad_event(seed: Seed, design: Design, events: u64) -> OtherEvents {
    in_simulated_time(seed, async {
        let simulation = Simulation::new(&Setting {
            seed,
            design,
            mutant: None,
            order: design.order(),
            several_of_aggregate: true,
            is_varied: false,
            publishes_at_once: false,
            has_small_pages: false,
            is_fault_free: true,
            has_bad_events: false,
            keeps_history: false,
        });
        simulation.with(|state| state.rejects_next = true);
        let _mapping = if design.is_ours() {
            spawn_local(sweep(simulation.clone()));
            start::<RelayProcess>(&simulation)
        } else {
            start::<RecordByRecord>(&simulation)
        };
        commit_about(simulation.clone(), AGGREGATES, events).await;
        sleep(AFTERWARDS).await;
        simulation.with(|state| state.other_events())
    })
}

impl State {
    fn other_events(&self) -> OtherEvents {
        let mut others = OtherEvents {
            violations: self.violations.iter().map(ToString::to_string).collect(),
            ..OtherEvents::default()
        };
        let events = self.events.iter();
        let healthy = events.filter(|(key, _)| !self.bad_aggregates.contains(&key.aggregate_id));
        for (_, event) in healthy {
            match event.delay() {
                Some(delay) => others.delays.push(delay),
                None => others.unpublished += 1,
            }
        }
        others
    }
}
