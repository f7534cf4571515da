//! Incidents: what operators and AWS do to the deployment while it runs.

use std::{cell::RefCell, rc::Rc, time::Duration};

use outbox::RowKey;
use tokio::time::{Instant, sleep};

use crate::{
    design::Design,
    functions::StreamFunction,
    mapping::{Mapping, start},
    mutants::Mutant,
    operators::replay,
    state::State,
    world::World,
};

/// Starts one episode of faults after the other.
pub(crate) async fn vary_faults(world: World) {
    loop {
        let episode = world.with(|state| state.fault_plan.start_episode(Instant::now()));
        world.log(|| episode);
        sleep(Duration::from_secs(world.between(5..1_800))).await;
    }
}

/// Causes one incident after the other.
pub(crate) async fn cause_incidents<F: StreamFunction>(
    world: World,
    mapping: Rc<RefCell<Option<Mapping>>>,
) {
    loop {
        sleep(Duration::from_secs(world.between(60..4 * 3_600))).await;
        match world.between(0..10) {
            0 => {
                world.log(|| "the sweeper is off".to_owned());
                world.with(|state| state.is_sweeper_off = true);
                sleep(Duration::from_secs(world.between(600..12 * 3_600))).await;
                world.log(|| "the sweeper is on".to_owned());
                world.with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            1..3 => {
                world.log(|| "the shards split".to_owned());
                world.with(|state| state.services.stream.split());
                world.notify_mappings();
            }
            3 => {
                world.log(|| "a second mapping reads the stream".to_owned());
                let lasts = Duration::from_secs(world.between(10..7_200));
                world.read_twice_for(lasts);
                let _second = start::<F>(&world);
                sleep(lasts).await;
            }
            4 => {
                world.log(|| "publishing is paused".to_owned());
                *mapping.borrow_mut() = None;
                world.with(|state| state.is_sweeper_off = state.random.bool());
                // For an hour after the mapping's maximum record age, which is 23 h, the
                // stream still has the records, and the mapping gives up whole batches.
                let a_day = world.chance(0.5);
                let lasts = if a_day {
                    23 * 3_600..25 * 3_600
                } else {
                    10..30 * 3_600
                };
                sleep(Duration::from_secs(world.between(lasts))).await;
                world.log(|| "the mapping starts from the oldest record".to_owned());
                world.read_twice_for(Duration::ZERO);
                *mapping.borrow_mut() = start::<F>(&world);
                replay_before_the_sweeper(&world).await;
                world.with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            5 => {
                world.log(|| "a release breaks the relay".to_owned());
                world.with(|state| {
                    state.is_relay_broken = true;
                    state.is_sweeper_off |= state.random.bool();
                });
                sleep(Duration::from_secs(world.between(60..4 * 3_600))).await;
                world.log(|| "the release is rolled back".to_owned());
                world.with(|state| state.is_relay_broken = false);
                replay_before_the_sweeper(&world).await;
                world.with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
            }
            6 => {
                world.log(|| "the bus is deleted".to_owned());
                world.with(State::delete_bus);
                sleep(Duration::from_secs(world.between(10..7_200))).await;
                world.log(|| "the bus exists again".to_owned());
                world.with(State::restore_bus);
            }
            7..9 => world.with(|state| {
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
            _ => world.with(|state| {
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

/// At times, an operator replays the dead letters before the sweeper runs.
async fn replay_before_the_sweeper(world: &World) {
    let has_replay = world.with(|state| state.design) == Design::ThisOne;
    if has_replay && world.chance(0.5) {
        sleep(Duration::from_secs(world.between(1..300))).await;
        replay(world).await;
    }
}
