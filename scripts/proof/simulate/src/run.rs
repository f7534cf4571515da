//! One history: a time with faults, a time without, then the outcome.

use std::{cell::RefCell, rc::Rc, time::Duration};

use outbox::{
    RowKey,
    ports::{Decided, Decision},
    relay::Order,
};
use outbox_testing::unreachable_client;
use tokio::{
    task::{LocalSet, spawn_local},
    time::{Instant, sleep},
};

use crate::{
    commands::commit,
    consumer::consume,
    design::Design,
    functions::{RelayProcess, sweep},
    incidents::{cause_incidents, vary_faults},
    mapping::start,
    mutants::Mutant,
    operators::{Remedy, remedy, replay, respond_to_pages, run_on_call},
    oracle::EventRecord,
    record_by_record::RecordByRecord,
    report::{Report, report},
    simulation::Simulation,
    state::Setting,
};

/// How long the table may take to drain after the faults have stopped: a shard may wait a
/// minute for its next retry, and the sweeper publishes rows that are 15 minutes old, in
/// a run every five minutes.
const DRAIN_TIMEOUT: Duration = Duration::from_hours(2);

/// How much longer for each poison row: while nothing else is published, the sweeper parks one an
/// hour.
const MORE_FOR_POISON: Duration = Duration::from_mins(65);

/// In how many rounds operators resolve all parked rows. An aggregate with several bad events
/// needs one for each.
const MOST_ROUNDS: usize = 20;

/// The seed of a history: with the same plan it makes the same history.
pub type Seed = u64;

/// What kind of history to make.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many events to commit.
    pub events: u64,
    /// What publishes.
    pub design: Design,
    /// Whether some histories keep no order, and some have a bus that takes one event of an
    /// aggregate at a time, unlike EventBridge.
    pub varies: bool,
    /// The deliberate mistake to plant, if there is one.
    pub mutant: Option<Mutant>,
    /// Whether the report is to say what happened, line by line.
    pub keeps_history: bool,
}

/// Makes the history of a seed, from its start to its outcome.
///
/// # Panics
///
/// If the runtime can't be started.
pub fn run(seed: Seed, plan: Plan) -> Report {
    in_simulated_time(seed, run_history(seed, plan))
}

/// Runs a history on this thread, in simulated time and with the randomness of its seed.
pub(crate) fn in_simulated_time<T>(seed: Seed, history: impl Future<Output = T>) -> T {
    // The first client draws random numbers, so it must be there before the seed is set.
    unreachable_client();
    // For code that isn't given a random source.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime that needs nothing but time");
    let local = LocalSet::new();
    let outcome = local.block_on(&runtime, history);
    drop(local);
    outcome
}

async fn run_history(seed: Seed, plan: Plan) -> Report {
    let begun = Instant::now();
    let has_bad_events = seed % 8 == 6;
    let is_fault_free = has_bad_events || seed % 8 == 7;
    let simulation = Simulation::new(&Setting {
        seed,
        design: plan.design,
        mutant: plan.mutant,
        order: match seed % 8 {
            5 if plan.varies => Order::BestEffort,
            1 if plan.varies => Order::Strict,
            _ => plan.design.order(),
        },
        several_of_aggregate: !(plan.varies && seed.is_multiple_of(3)),
        is_varied: plan.varies,
        publishes_at_once: plan.varies && matches!(seed % 16, 1 | 2 | 3 | 5 | 6 | 7 | 10),
        has_small_pages: plan.varies && seed.is_multiple_of(5),
        is_fault_free,
        has_bad_events,
        keeps_history: plan.keeps_history,
    });
    if !plan.design.is_ours() {
        return compare(&simulation, plan, begun).await;
    }
    let mapping = Rc::new(RefCell::new(start::<RelayProcess>(&simulation)));
    let mut tasks = vec![spawn_local(sweep(simulation.clone()))];
    for _ in 0..simulation.between(1..3) {
        tasks.push(spawn_local(consume(simulation.clone())));
    }
    let lasting = tasks.len();
    let committing = spawn_local(commit(simulation.clone(), plan.events));
    if !is_fault_free {
        tasks.push(spawn_local(vary_faults(simulation.clone())));
        tasks.push(spawn_local(cause_incidents::<RelayProcess>(
            simulation.clone(),
            Rc::clone(&mapping),
        )));
        tasks.push(spawn_local(run_on_call(simulation.clone())));
        tasks.push(spawn_local(respond_to_pages(simulation.clone())));
    }

    // While publishing is paused, events stay unpublished: the pause must end first.
    let is_paused = || mapping.borrow().is_none();
    until(&simulation, || committing.is_finished() && !is_paused()).await;
    if !is_fault_free {
        let at_most = if simulation.chance(0.2) { 36 } else { 6 };
        let more = Duration::from_secs(simulation.between(60..at_most * 3_600));
        let end = Instant::now() + more;
        until(&simulation, || Instant::now() >= end).await;
    }

    // From now on nothing fails.
    for task in tasks.drain(lasting..) {
        task.abort();
    }
    let calls = simulation.with(|state| {
        state.check_none_waits();
        state.rejects_all = false;
        state.rejected.clear();
        state.fault_plan.clear();
        state.is_over = true;
        state.is_relay_broken = false;
        state.restore_bus();
        state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper);
        state.read_newer_rows();
        state.counts.calls
    });
    simulation.read_twice_for(Duration::ZERO);
    simulation.log(|| "the faults have stopped".to_owned());
    *mapping.borrow_mut() = None;
    *mapping.borrow_mut() = start::<RelayProcess>(&simulation);
    drain(&simulation).await;
    expect_nothing_pending(&simulation);
    resolve_parked_rows(&simulation).await;
    check_final_state(&simulation, calls, plan.events);
    for task in tasks {
        task.abort();
    }
    report(&simulation, begun)
}

/// Makes the history of another design, which has no sweeper, consumer or operators.
async fn compare(simulation: &Simulation, plan: Plan, begun: Instant) -> Report {
    let mapping = Rc::new(RefCell::new(start::<RecordByRecord>(simulation)));
    let faults = [
        spawn_local(vary_faults(simulation.clone())),
        spawn_local(cause_incidents::<RecordByRecord>(
            simulation.clone(),
            Rc::clone(&mapping),
        )),
    ];
    commit(simulation.clone(), plan.events).await;
    let more = Duration::from_secs(simulation.between(60..36 * 3_600));
    sleep(more).await;
    for task in faults {
        task.abort();
    }
    simulation.with(|state| {
        state.fault_plan.clear();
        state.is_relay_broken = false;
        state.restore_bus();
    });
    if mapping.borrow().is_none() {
        *mapping.borrow_mut() = start::<RecordByRecord>(simulation);
    }
    // Twice as long as a stream keeps records: what isn't published by then never will be.
    sleep(Duration::from_hours(50)).await;
    report(simulation, begun)
}

/// Waits until this is so, or until a check has failed.
async fn until(simulation: &Simulation, is_over: impl Fn() -> bool) {
    while !is_over() && !simulation.is_violated() {
        sleep(Duration::from_secs(20)).await;
    }
}

/// Waits until nothing is pending, for as long as that may take.
async fn drain(simulation: &Simulation) {
    let poison = simulation.with(|state| state.number_of_pending_poison());
    let end = Instant::now() + DRAIN_TIMEOUT + poison * MORE_FOR_POISON;
    let is_drained = || {
        simulation.with(|state| state.deliveries.is_empty() && state.keys_of_free_rows().is_empty())
            || Instant::now() >= end
    };
    until(simulation, is_drained).await;
}

/// Resolves every parked row, as operators do in the end: some by an edit, which may need
/// another round, as does what was held behind them.
async fn resolve_parked_rows(simulation: &Simulation) {
    for round in 0..MOST_ROUNDS {
        let parked = simulation.with(|state| state.keys_of_rows(true));
        for key in parked {
            let is_edited = round == 0 && simulation.chance(0.5);
            let what = if is_edited {
                Remedy::Edit
            } else {
                Remedy::Discard
            };
            remedy(simulation, what, &key).await;
        }
        drain(simulation).await;
        expect_nothing_pending(simulation);
        replay(simulation).await;
        let is_empty = simulation.with(|state| state.services.table.rows().next().is_none());
        if round > 0 && is_empty || simulation.is_violated() {
            return;
        }
    }
}

/// Checks that nothing is pending: what still is would be for ever.
fn expect_nothing_pending(simulation: &Simulation) {
    simulation.with(|state| {
        if let Some(key) = state.keys_of_free_rows().into_iter().next() {
            let row = state.services.table.row(&key);
            let line = format!("{key} is pending: {row:?} of {:?}", state.events.get(&key));
            state.note(line);
            state.violate(
                "left an event pending long after the faults had stopped",
                Some(&key),
            );
        }
    });
}

/// Checks what must hold in the end.
fn check_final_state(simulation: &Simulation, calls_before: u64, events: u64) {
    simulation.with(|state| {
        if !state.violations.is_empty() {
            return;
        }
        let unsettled = |(_, event): &(&RowKey, &EventRecord)| !event.is_settled();
        let lost = state
            .events
            .iter()
            .find(|event| unsettled(event) && state.services.table.row(event.0).is_none());
        if let Some(key) = lost.map(|(key, _)| key.clone()) {
            state.violate("lost an event", Some(&key));
        }
        let is_unhandled = |(_, event): &(&RowKey, &EventRecord)| {
            event.effects != u32::from(!event.accepted.is_empty())
        };
        let unhandled = state.events.iter().find(is_unhandled);
        if let Some(key) = unhandled.map(|(key, _)| key.clone()) {
            state.violate("published an event that was never handled", Some(&key));
        }
        let left = state
            .services
            .table
            .rows()
            .next()
            .map(|(key, _)| key.clone());
        if let Some(key) = left {
            state.violate("left in the table after every replay and fix", Some(&key));
        }
        let discarded = state.events.iter().find(|(key, event)| {
            event.is_discarded && state.services.table.discarded(key).is_none()
        });
        if let Some(key) = discarded.map(|(key, _)| key.clone()) {
            state.violate("discarded an event without a trace", Some(&key));
        }
        let edited = state.events.iter().find(|(key, event)| {
            let decisions = state.services.table.decisions(&key.aggregate_id);
            let is_edit =
                |decision: &&Decision| decision.row == **key && decision.what == Decided::Edited;
            event.edits() != decisions.iter().filter(is_edit).count()
        });
        if let Some(key) = edited.map(|(key, _)| key.clone()) {
            state.violate("edited an event without a trace", Some(&key));
        }
        // A sweep of an empty table takes eight calls.
        let most = 20_000 + 20 * events;
        if state.counts.calls - calls_before > most {
            state.violate("made calls without end after the faults had stopped", None);
        }
    });
}
