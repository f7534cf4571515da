//! What Lambda does with processes that have nothing to do: it freezes them.

use std::time::Duration;

use tokio::{
    task::spawn_local,
    time::{Instant, sleep},
};

use crate::{oracle::ActorRecord, simulation::Simulation, state::State};

/// How often a pause in which no process has anything to do is spent frozen.
const FROZEN: f64 = 0.5;

/// How often the bus is deleted in such a pause.
const BUS_DELETED: f64 = 0.1;

/// How long every process may still have something to do before the pause.
const SOON: Duration = Duration::from_secs(30);

/// How long no process has anything to do after the stream has shown everything: DynamoDB takes up
/// to a second for that, and isn't frozen.
const SHOWN: Duration = Duration::from_secs(3);

/// Lets a pause pass. In some pauses every process is frozen: the wall clock goes on, and the
/// monotonic one stands still.
pub(crate) async fn pause(simulation: &Simulation, lasts: Duration) {
    let may_freeze = lasts > SOON && !simulation.with(|state| state.is_fault_free);
    if !(may_freeze && simulation.chance(FROZEN) && is_soon_idle(simulation).await) {
        return sleep(lasts).await;
    }
    simulation.log(|| format!("everything is frozen for {lasts:?}"));
    simulation.freeze(lasts);
    let may_be_deleted = |state: &mut State| {
        // Every design but this library would lose most events by it, which says no more than that.
        state.is_varied && state.bus_gone_since.is_none()
    };
    if simulation.with(may_be_deleted) && simulation.chance(BUS_DELETED) {
        spawn_local(delete_bus(simulation.clone(), lasts));
    }
}

/// Waits until no process has had anything to do for a while.
async fn is_soon_idle(simulation: &Simulation) -> bool {
    let step = Duration::from_millis(100);
    let mut idle = Duration::ZERO;
    let mut begun = simulation.with(|state| state.actors.len());
    let until = Instant::now() + SOON;
    while idle < SHOWN {
        if Instant::now() >= until {
            return false;
        }
        sleep(step).await;
        let (is_busy, actors) = simulation.with(|state| {
            let is_busy = state.actors.iter().any(ActorRecord::is_busy);
            (is_busy, state.actors.len())
        });
        // An invocation may have begun and ended within the step.
        let was_busy = is_busy || actors > begun;
        begun = actors;
        idle = if was_busy {
            Duration::ZERO
        } else {
            idle + step
        };
    }
    true
}

/// Shows that the bus was deleted this long ago, while every process was frozen.
async fn delete_bus(simulation: Simulation, ago: Duration) {
    simulation.log(|| "the bus was deleted meanwhile".to_owned());
    simulation.with(|state| {
        state.delete_bus();
        state.age_bus(ago);
    });
    sleep(Duration::from_secs(simulation.between(10..7_200))).await;
    simulation.log(|| "the bus exists again".to_owned());
    simulation.with(State::restore_bus);
}
