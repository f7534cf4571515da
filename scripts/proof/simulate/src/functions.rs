//! Invocations, as Lambda runs them: a process that responds is kept for the next one;
//! a process that dies is gone with everything it remembers.

use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc, time::Duration};

use jiff::SignedDuration;
use outbox::{
    handlers::{StreamEvent, StreamHandler, Sweeper},
    relay::Relay,
};
use serde_json::{Value, json};
use stream_mapping::Outcome;
use tokio::{
    task::spawn_local,
    time::{Instant, sleep},
};

use crate::{
    caller::{Caller, Role},
    mutants::Mutant,
    oracle::End,
    simulation::Simulation,
};

/// The timeouts with which the functions are deployed.
pub(crate) const RELAY_TIMEOUT: Duration = Duration::from_mins(1);
const SWEEPER_TIMEOUT: Duration = Duration::from_mins(4);

/// How often the deployed schedule invokes the sweeper.
const SWEEP_INTERVAL: Duration = Duration::from_mins(5);

/// The age below which the deployed sweeper leaves rows to the stream.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// A process of a function behind the stream.
pub(crate) trait StreamFunction: Sized + 'static {
    /// Starts a process.
    fn start(simulation: &Simulation) -> Self;

    /// Handles a batch, or dies in it. Returns what the mapping sees, and the process if
    /// it is still alive.
    fn invoke(self, records: Vec<Value>)
    -> impl Future<Output = (Outcome, Option<Self>)> + 'static;
}

/// A process of the relay.
pub(crate) struct RelayProcess {
    caller: Caller,
    handler: StreamHandler<Caller, Caller, Caller>,
}

impl StreamFunction for RelayProcess {
    fn start(simulation: &Simulation) -> Self {
        let caller = Caller::new(simulation, Role::Relay);
        let handler = StreamHandler::new(relay(&caller));
        Self { caller, handler }
    }

    async fn invoke(self, records: Vec<Value>) -> (Outcome, Option<Self>) {
        let numbers: Vec<Value> = records
            .iter()
            .map(|record| record["dynamodb"]["SequenceNumber"].clone())
            .collect();
        let Ok(event) = serde_json::from_value::<StreamEvent>(json!({"Records": records})) else {
            return (Outcome::FunctionError, Some(self));
        };
        let mutant = self.caller.simulation.with(|state| state.mutant);
        let handling = self
            .handler
            .handle(event, Instant::now() + time_left(mutant));
        let Some(report) = run_invocation(&self.caller, RELAY_TIMEOUT, handling).await else {
            self.caller.check_answered_in_time();
            return (Outcome::FunctionError, None);
        };
        let mut answer = serde_json::to_value(report.response).unwrap_or(Value::Null);
        if mutant == Some(Mutant::LeaveNothing) && report.counts.left_to_sweeper > 0 {
            answer["batchItemFailures"] = json!([{"itemIdentifier": numbers[0]}]);
        }
        plant_in_response(mutant, &mut answer, &numbers);
        let payload = answer.to_string();
        (Outcome::Answered { payload }, Some(self))
    }
}

/// Returns the time that the handler gets. It waits before it reports a failure until what it
/// published is old enough to be looked up; with too little time it doesn't.
fn time_left(mutant: Option<Mutant>) -> Duration {
    match mutant {
        Some(Mutant::AnswerTooEarly) => Duration::from_secs(1),
        _ => RELAY_TIMEOUT,
    }
}

/// Changes the response as the planted mistake would.
fn plant_in_response(mutant: Option<Mutant>, answer: &mut Value, numbers: &[Value]) {
    let failed = answer["batchItemFailures"][0]["itemIdentifier"].clone();
    if failed.is_null() {
        return;
    }
    match mutant {
        Some(Mutant::NullResponse) => *answer = Value::Null,
        Some(Mutant::CheckpointPastFailure) => {
            let index = numbers.iter().position(|number| *number == failed);
            let next = index.and_then(|index| numbers.get(index + 1));
            answer["batchItemFailures"] = match next {
                Some(next) => json!([{"itemIdentifier": next}]),
                None => json!([]),
            };
        }
        // All records from the checkpoint on are retried, so their first one is the checkpoint.
        Some(Mutant::SequenceNumbersAsText) => {
            let retried = numbers.iter().skip_while(|number| **number != failed);
            let first = retried.min_by_key(|number| number.as_str().map(str::to_owned));
            if let Some(first) = first {
                answer["batchItemFailures"] = json!([{"itemIdentifier": first}]);
            }
        }
        _ => {}
    }
}

/// A process of the sweeper.
pub(crate) struct SweeperProcess {
    caller: Caller,
    sweeper: Sweeper<Caller, Caller, Caller>,
}

impl SweeperProcess {
    pub(crate) fn start(simulation: &Simulation) -> Self {
        let caller = Caller::new(simulation, Role::Sweeper);
        let sweeper = Sweeper::new(relay(&caller), GRACE);
        Self { caller, sweeper }
    }

    /// Sweeps, or dies in it. Returns the process if it is still alive.
    pub(crate) async fn invoke(self) -> Option<Self> {
        let begun = Instant::now();
        let timeout = sweeper_timeout(&self.caller.simulation);
        let sweeping = self.sweeper.sweep(begun + timeout);
        if run_invocation(&self.caller, timeout, sweeping)
            .await
            .is_none()
        {
            self.caller.check_answered_in_time();
            return None;
        }
        self.caller.check_sweep_time(begun);
        Some(self)
    }
}

/// Returns how long a sweep may take: at times so short that it stops between two rows, as one of
/// a large table does after minutes.
fn sweeper_timeout(simulation: &Simulation) -> Duration {
    let may_be_short = simulation.with(|state| state.is_varied && !state.is_over);
    if may_be_short && simulation.chance(0.2) {
        Duration::from_millis(simulation.between(100..1_500))
    } else {
        SWEEPER_TIMEOUT
    }
}

/// Returns a relay whose every service is simulated.
pub(crate) fn relay(caller: &Caller) -> Relay<Caller, Caller, Caller> {
    let simulation = &caller.simulation;
    let random = fastrand::Rng::with_seed(simulation.between(0..u64::MAX));
    Relay::new(caller.clone(), caller.clone(), caller.clone())
        .with_time_and_chance(Arc::new(caller.clock.clone()), random)
        .with_order(simulation.with(|state| state.order))
        .with_look_up(simulation.with(|state| state.look_up()))
}

/// Runs an invocation until it returns, dies, or times out. Returns `None` if it
/// doesn't return.
pub(crate) async fn run_invocation<T>(
    caller: &Caller,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let simulation = &caller.simulation;
    let actor = caller.begin();
    let begun = Instant::now();
    let is_killed = simulation.with(|state| state.fault_plan.kills());
    // Mostly early: most invocations end long before their timeout.
    let killed_after = timeout.mul_f64(simulation.with(|state| state.random.f64().powi(4)));
    let (result, end) = tokio::select! {
        biased;
        result = work => (Some(result), End::Returned),
        () = caller.dies() => (None, End::Died),
        () = sleep(killed_after), if is_killed => (None, End::Died),
        () = sleep(timeout) => (None, End::TimedOut),
    };
    simulation.log(|| format!("invocation {actor} {end:?}"));
    simulation.end(actor, end);
    simulation.with(|state| {
        let effort = state.effort(caller.role);
        effort.invocations += 1;
        effort.time += begun.elapsed();
    });
    result
}

/// Runs the schedule and the sweeper.
pub(crate) async fn sweep(simulation: Simulation) {
    simulation.with(|state| state.is_sweeper_off = state.mutant == Some(Mutant::NoSweeper));
    let warm: Rc<RefCell<Option<SweeperProcess>>> = Rc::default();
    loop {
        sleep(SWEEP_INTERVAL).await;
        if simulation.with(|state| state.is_sweeper_off) {
            continue;
        }
        let times = match simulation.between(0..20) {
            // A schedule may skip an invocation, or repeat one.
            0 if !simulation.with(|state| state.is_fault_free) => 0,
            1 if !simulation.with(|state| state.is_fault_free) => 2,
            _ => 1,
        };
        for _ in 0..times {
            let process = warm.borrow_mut().take();
            let process = process.unwrap_or_else(|| SweeperProcess::start(&simulation));
            let warm = Rc::clone(&warm);
            spawn_local(async move {
                if let Some(process) = process.invoke().await {
                    *warm.borrow_mut() = Some(process);
                }
            });
        }
    }
}
