//! One history: trouble, then none, then the verdict.

use std::{cell::RefCell, rc::Rc, time::Duration};

use outbox::{
    RowKey,
    simulation::{self, Mistake},
};
use tokio::{
    task::{LocalSet, spawn_local},
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    commands::commit,
    consumer::consume,
    designs::{Design, RecordByRecord},
    functions::{RelayProcess, nowhere, sweep},
    mapping::start,
    operators::{Remedy, answer_the_pager, be_on_call, remedy, replay},
    report::{Report, report},
    trouble::{meddle, turn_weather},
    truth::Truth,
    world::World,
};

/// How long the table may take to drain once nothing goes wrong any more. A shard
/// may wait a minute for its next try; the sweeper then takes a quarter of an
/// hour, and some.
const DRAINED_WITHIN: Duration = Duration::from_hours(2);

/// What makes a history, together with the plan.
pub type Seed = u64;

/// What a history is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many events are committed.
    pub events: u64,
    /// What publishes.
    pub design: Design,
    /// A deliberate mistake.
    pub bug: Option<Bug>,
    /// Whether somebody will read what happened.
    pub keeps_history: bool,
}

/// Makes the history of a seed, from its begin to its verdict.
///
/// # Panics
///
/// If the runtime cannot be made.
pub fn run(seed: Seed, plan: Plan) -> Report {
    // It takes chances when it is made, once in a process.
    nowhere();
    // Code of ours that is not told its chance takes it from here.
    fastrand::seed(seed);
    simulation::begin(match plan.bug {
        Some(Bug::SequenceNumbersAsText) => Some(Mistake::SequenceNumbersAsText),
        Some(Bug::AnswerTooEarly) => Some(Mistake::AnswerTooEarly),
        _ => None,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime that needs nothing but time");
    let local = LocalSet::new();
    let report = local.block_on(&runtime, live(seed, plan));
    drop(local);
    report
}

async fn live(seed: Seed, plan: Plan) -> Report {
    let begun = Instant::now();
    let is_calm = seed % 8 == 7;
    let world = World::new(seed, plan.bug, is_calm, plan.keeps_history);
    world.with(|state| state.design = plan.design);
    if plan.design != Design::ThisOne {
        return compare(&world, plan, begun).await;
    }
    let mapping = Rc::new(RefCell::new(start::<RelayProcess>(&world)));
    let mut tasks = vec![spawn_local(sweep(world.clone()))];
    for _ in 0..world.between(1..3) {
        tasks.push(spawn_local(consume(world.clone())));
    }
    let lasting = tasks.len();
    let committing = spawn_local(commit(world.clone(), plan.events));
    if !is_calm {
        tasks.push(spawn_local(turn_weather(world.clone())));
        tasks.push(spawn_local(meddle::<RelayProcess>(
            world.clone(),
            Rc::clone(&mapping),
        )));
        tasks.push(spawn_local(be_on_call(world.clone())));
        tasks.push(spawn_local(answer_the_pager(world.clone())));
    }

    // What was paused is not over before it goes on.
    let is_paused = || mapping.borrow().is_none();
    until(&world, || committing.is_finished() && !is_paused()).await;
    if !is_calm {
        let at_most = if world.chance(0.2) { 36 } else { 6 };
        let more = Duration::from_secs(world.between(60..at_most * 3_600));
        let end = Instant::now() + more;
        until(&world, || Instant::now() >= end).await;
    }

    // From now on nothing goes wrong.
    for task in tasks.drain(lasting..) {
        task.abort();
    }
    let calls = world.with(|state| {
        state.weather.clear();
        state.is_over = true;
        state.is_relay_broken = false;
        state.bus_gone_since = None;
        state.is_sweeper_off = state.bug == Some(Bug::NoSweeper);
        state.read_newer_rows();
        state.counts.calls
    });
    world.read_twice_for(Duration::ZERO);
    world.log(|| "the faults have stopped".to_owned());
    *mapping.borrow_mut() = None;
    *mapping.borrow_mut() = start::<RelayProcess>(&world);
    drain(&world).await;
    expect_nothing_pending(&world);
    settle_what_is_parked(&world).await;
    judge(&world, calls, plan.events);
    for task in tasks {
        task.abort();
    }
    report(&world, begun)
}

/// The history of a design that has nothing but a function behind a stream.
async fn compare(world: &World, plan: Plan, begun: Instant) -> Report {
    let mapping = Rc::new(RefCell::new(start::<RecordByRecord>(world)));
    let trouble = [
        spawn_local(turn_weather(world.clone())),
        spawn_local(meddle::<RecordByRecord>(world.clone(), Rc::clone(&mapping))),
    ];
    commit(world.clone(), plan.events).await;
    let more = Duration::from_secs(world.between(60..36 * 3_600));
    sleep(more).await;
    for task in trouble {
        task.abort();
    }
    world.with(|state| {
        state.weather.clear();
        state.is_relay_broken = false;
        state.bus_gone_since = None;
    });
    if mapping.borrow().is_none() {
        *mapping.borrow_mut() = start::<RecordByRecord>(world);
    }
    // Longer than a stream keeps what cannot be published.
    sleep(Duration::from_hours(50)).await;
    report(world, begun)
}

async fn until(world: &World, is_over: impl Fn() -> bool) {
    while !is_over() && !world.is_violated() {
        sleep(Duration::from_secs(20)).await;
    }
}

/// Waits until nothing is pending, as long as that may take.
async fn drain(world: &World) {
    let end = Instant::now() + DRAINED_WITHIN;
    let is_drained = || {
        world.with(|state| {
            state.deliveries.is_empty() && state.rows.values().all(|row| row.parked.is_some())
        }) || Instant::now() >= end
    };
    until(world, is_drained).await;
}

/// In the end every operator does what there is to do.
async fn settle_what_is_parked(world: &World) {
    for mends in [true, false] {
        let parked: Vec<RowKey> = world.with(|state| {
            let parked = state.rows.iter().filter(|(_, row)| row.parked.is_some());
            parked.map(|(key, _)| key.clone()).collect()
        });
        for key in parked {
            let is_edited = mends && world.chance(0.5);
            let what = if is_edited {
                Remedy::Edit
            } else {
                Remedy::Discard
            };
            remedy(world, what, &key).await;
        }
        drain(world).await;
        expect_nothing_pending(world);
        replay(world).await;
    }
}

/// What is still pending now would be for ever.
fn expect_nothing_pending(world: &World) {
    world.with(|state| {
        let mut pending = state.rows.iter().filter(|(_, row)| row.parked.is_none());
        let left = pending.next().map(|(key, row)| (key.clone(), row.clone()));
        if let Some((key, row)) = left {
            let told = format!("{key} is left: {row:?} of {:?}", state.events.get(&key));
            state.note(told);
            state.violate(
                "still pending long after the faults have stopped",
                Some(&key),
            );
        }
    });
}

/// What must hold once all is over.
fn judge(world: &World, calls_before: u64, events: u64) {
    world.with(|state| {
        if !state.violations.is_empty() {
            return;
        }
        let unsettled = |(_, truth): &(&RowKey, &Truth)| !truth.is_settled();
        let lost = state
            .events
            .iter()
            .find(|event| unsettled(event) && !state.rows.contains_key(event.0));
        if let Some(key) = lost.map(|(key, _)| key.clone()) {
            state.violate("lost", Some(&key));
        }
        let is_unhandled =
            |(_, truth): &(&RowKey, &Truth)| truth.effects != u32::from(!truth.accepted.is_empty());
        let unhandled = state.events.iter().find(is_unhandled);
        if let Some(key) = unhandled.map(|(key, _)| key.clone()) {
            state.violate("published, and never handled", Some(&key));
        }
        let left = state.rows.keys().next().cloned();
        if let Some(key) = left {
            state.violate(
                "left in the table though everybody has done their part",
                Some(&key),
            );
        }
        let discarded = state
            .events
            .iter()
            .find(|(key, truth)| truth.is_discarded && !state.audit.contains(*key));
        if let Some(key) = discarded.map(|(key, _)| key.clone()) {
            state.violate("discarded without a trace", Some(&key));
        }
        // A sweep of an empty table takes eight calls.
        let most = 20_000 + 20 * events;
        if state.counts.calls - calls_before > most {
            state.violate("no end of calls, though nothing goes wrong", None);
        }
    });
}
