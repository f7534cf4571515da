//! A process of ours and its calls of services. A call has its effect or not, its
//! response arrives or not, and the process may die in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use outbox::ports::CallError;
use outbox_testing::{Call, CallFailure, Fault, FaultPlan as _, Operation};
use tokio::{sync::Notify, time::Instant};

use crate::{
    fault_plan::FaultKind,
    mutants::Mutant,
    oracle::{Actor, End, Process},
    process_clock::ProcessClock,
    simulation::Simulation,
    state::State,
};

/// What a process of ours does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It commits or handles events.
    Service,
    Relay,
    Sweeper,
    /// It runs an operator's command.
    Operator,
}

/// A process of ours; it implements the library's traits for each service.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) simulation: Simulation,
    pub(crate) role: Role,
    pub(crate) clock: ProcessClock,
    /// It has handled an invocation.
    is_warm: Arc<AtomicBool>,
    /// The current invocation.
    actor: Arc<AtomicU32>,
    /// The first one.
    process: Arc<AtomicU32>,
    /// Notified when a fault kills the process.
    death: Arc<Notify>,
}

impl Caller {
    pub(crate) fn new(simulation: &Simulation, role: Role) -> Self {
        Self {
            simulation: simulation.clone(),
            role,
            clock: ProcessClock::new(simulation),
            is_warm: Arc::default(),
            actor: Arc::default(),
            process: Arc::default(),
            death: Arc::default(),
        }
    }

    /// Starts an invocation.
    pub(crate) fn begin(&self) -> Actor {
        let is_warm = self.is_warm.swap(true, Ordering::Relaxed);
        self.clock.may_be_corrected();
        let actor = self
            .simulation
            .begin(self.role, is_warm.then(|| self.process()));
        self.actor.store(actor, Ordering::Relaxed);
        if !is_warm {
            self.process.store(actor, Ordering::Relaxed);
        }
        actor
    }

    /// Returns the process, by its first invocation.
    pub(crate) fn process(&self) -> Process {
        self.process.load(Ordering::Relaxed)
    }

    /// Returns the current invocation.
    pub(crate) fn actor(&self) -> Actor {
        self.actor.load(Ordering::Relaxed)
    }

    /// Waits until the process dies.
    pub(crate) async fn dies(&self) {
        self.death.notified().await;
    }

    async fn die(&self) -> ! {
        self.death.notify_one();
        // `run_invocation` now drops the future that got here.
        loop {
            std::future::pending::<()>().await;
        }
    }

    /// Calls a service, with the errors that the relay and replays know.
    pub(crate) async fn call<T>(
        &self,
        call: Call<'_>,
        effect: impl FnOnce(&mut State, Option<&Fault>) -> T,
    ) -> Result<T, CallError> {
        Ok(self.try_call(call, effect).await?)
    }

    /// Calls a service: the request travels, has its effect, and the response travels back.
    pub(crate) async fn try_call<T>(
        &self,
        call: Call<'_>,
        effect: impl FnOnce(&mut State, Option<&Fault>) -> T,
    ) -> Result<T, CallFailure> {
        let operation = call.operation;
        let (plan, kind) = self.simulation.with(|state| {
            state.counts.calls += 1;
            let calls = &mut state.effort(self.role).calls;
            *calls.entry(operation).or_default() += 1;
            let commits = matches!(
                operation,
                Operation::TransactWriteItems | Operation::GetItem
            );
            state.counts.calls_to_commit += u64::from(commits);
            let plan = state.fault_plan.plan(&call);
            (plan, state.fault_plan.last_fault())
        });
        if let Some(kind) = kind {
            let actor = self.actor();
            self.simulation
                .log(|| format!("{operation:?} of {actor} is affected by {kind:?}"));
        }
        // The invocation whose call this is. Before the first one there is none: the 0 in `actor` is
        // then that of another process.
        let working = self.is_warm.load(Ordering::Relaxed).then(|| self.actor());
        let effect = |fault: Option<&Fault>| {
            self.simulation.with(|state| {
                if let Some(actor) = working {
                    state.check_at_work(actor);
                }
                effect(state, fault)
            })
        };
        let result = plan.perform(effect).await;
        if kind == Some(FaultKind::Crash) {
            self.die().await;
        }
        result
    }

    /// Checks that Lambda's timeout didn't end the invocation: the relay and the sweeper
    /// know their deadline, and must respond before it.
    pub(crate) fn check_answered_in_time(&self) {
        let actor = self.actor() as usize;
        self.simulation.with(|state| {
            if matches!(state.actors[actor].ended, Some((_, End::TimedOut))) {
                state.violate("did not respond before its deadline", None);
            }
        });
    }

    /// Checks how long a sweep took that began then. Where nothing but some bad events fails,
    /// a sweep retries them for half a minute in the end.
    pub(crate) fn check_sweep_time(&self, begun: Instant) {
        self.simulation.with(|state| {
            if state.has_bad_events && begun.elapsed() > Duration::from_mins(1) {
                state.violate("a few failing rows held up a sweep", None);
            }
        });
    }

    /// Returns whether this mistake is planted.
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.simulation.with(|state| state.mutant == Some(mutant))
    }
}
