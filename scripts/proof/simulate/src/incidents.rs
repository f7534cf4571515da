//! Incidents: what operators and AWS do to the deployment while it runs.

use std::{cell::RefCell, rc::Rc, time::Duration};

use outbox::RowKey;
use tokio::time::{Instant, sleep};

use crate::{
    functions::StreamFunction,
    mapping::{Mapping, start},
    mutants::Mutant,
    operators::replay,
    simulation::Simulation,
    state::State,
};

/// Starts one episode of faults after the other.
pub(crate) async fn vary_faults(simulation: Simulation) {
    loop {
        let episode = simulation.with(|state| state.fault_plan.start_episode(Instant::now()));
        simulation.log(|| episode);
        sleep(Duration::from_secs(simulation.between(5..1_800))).await;
    }
}

/// Causes one incident after the other.
pub(crate) async fn cause_incidents<F: StreamFunction>(
    simulation: Simulation,
    mapping: Rc<RefCell<Option<Mapping>>>,
) {
    loop {
        sleep(Duration::from_secs(simulation.between(60..4 * 3_600))).await;
        match simulation.between(0..14) {
            0 => {
                simulation.log(|| "the sweeper is off".to_owned());
                simulation.with(|state| state.is_sweeper_off = true);
                sleep(Duration::from_secs(simulation.between(600..12 * 3_600))).await;
                simulation.log(|| "the sweeper is on".to_owned());
                simulation
                    .with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            1..3 => {
                simulation.log(|| "the shards split".to_owned());
                simulation.with(|state| state.services.stream.split());
                simulation.notify_mappings();
            }
            3 => {
                simulation.log(|| "a second mapping reads the stream".to_owned());
                let lasts = Duration::from_secs(simulation.between(10..7_200));
                simulation.read_twice_for(lasts);
                let _second = start::<F>(&simulation);
                sleep(lasts).await;
            }
            4 => {
                simulation.log(|| "publishing is paused".to_owned());
                *mapping.borrow_mut() = None;
                simulation.with(|state| state.is_sweeper_off = state.random.bool());
                // For an hour after the mapping's maximum record age, which is 23 h, the
                // stream still has the records, and the mapping gives up whole batches.
                let a_day = simulation.chance(0.5);
                let lasts = if a_day {
                    23 * 3_600..25 * 3_600
                } else {
                    10..30 * 3_600
                };
                sleep(Duration::from_secs(simulation.between(lasts))).await;
                simulation.log(|| "the mapping starts from the oldest record".to_owned());
                simulation.read_twice_for(Duration::ZERO);
                *mapping.borrow_mut() = start::<F>(&simulation);
                replay_before_the_sweeper(&simulation).await;
                simulation
                    .with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            5 => {
                simulation.log(|| "a release breaks the relay".to_owned());
                simulation.with(|state| {
                    state.is_relay_broken = true;
                    state.is_sweeper_off |= state.random.bool();
                });
                sleep(Duration::from_secs(simulation.between(60..4 * 3_600))).await;
                simulation.log(|| "the release is rolled back".to_owned());
                simulation.with(|state| state.is_relay_broken = false);
                replay_before_the_sweeper(&simulation).await;
                simulation
                    .with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            6 => {
                simulation.log(|| "the bus is deleted".to_owned());
                let lasts = Duration::from_secs(simulation.between(10..7_200));
                // At times, nobody can see that it is gone.
                if simulation.chance(0.5) {
                    simulation.with(|state| state.fault_plan.hide_bus(lasts));
                }
                simulation.with(State::delete_bus);
                sleep(lasts).await;
                simulation.log(|| "the bus exists again".to_owned());
                simulation.with(State::restore_bus);
            }
            7..9 => simulation.with(|state| {
                // The bus accepts an event that it rejected before, as after a change of its policy.
                let poisoned: Vec<_> = state.poisoned.iter().cloned().collect();
                let is_fixable = |(key, _): &&(RowKey, u64)| {
                    let row = state.services.table.row(key);
                    row.is_some_and(|row| {
                        let is_json = row.row().is_some_and(|row| row.detail.ends_with('}'));
                        row.is_parked() && is_json
                    })
                };
                if let Some(poisoned) = poisoned.iter().find(is_fixable) {
                    state.poisoned.remove(poisoned);
                }
            }),
            9 => reject_all(&simulation).await,
            10..12 => take_permission(&simulation).await,
            12 => slow_bus(&simulation).await,
            _ => simulation.with(|state| {
                // A dead letter is lost.
                let messages = state.services.queue.messages().iter();
                if let Some(lost) = state.random.choice(messages) {
                    let id = lost.message.id.clone();
                    state.services.queue.remove(&id);
                }
            }),
        }
    }
}

/// The bus rejects every event for its content, as after a change of its rules.
async fn reject_all(simulation: &Simulation) {
    simulation.log(|| "the bus rejects every event for its content".to_owned());
    simulation.with(|state| state.rejects_all = true);
    sleep(Duration::from_secs(simulation.between(3_600..6 * 3_600))).await;
    simulation.log(|| "the bus accepts events again".to_owned());
    simulation.with(|state| state.rejects_all = false);
}

/// Somebody takes away the permission for one operation.
async fn take_permission(simulation: &Simulation) {
    let lasts = Duration::from_secs(simulation.between(600..4 * 3_600));
    let what = simulation.with(|state| state.fault_plan.take_permission(lasts));
    simulation.log(|| what);
    sleep(lasts).await;
}

/// The bus is slow for hours.
async fn slow_bus(simulation: &Simulation) {
    let lasts = Duration::from_secs(simulation.between(600..4 * 3_600));
    simulation.log(|| format!("the bus is slow for {lasts:?}"));
    simulation.with(|state| state.fault_plan.slow_bus(lasts));
    sleep(lasts).await;
}

/// At times, an operator replays the dead letters before the sweeper runs.
async fn replay_before_the_sweeper(simulation: &Simulation) {
    let has_replay = simulation.with(|state| state.design.is_ours());
    if has_replay && simulation.chance(0.5) {
        sleep(Duration::from_secs(simulation.between(1..300))).await;
        replay(simulation).await;
    }
}
