//! A process of ours and its calls of services. A call has its effect or not, its
//! response arrives or not, and the process may die in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use outbox::ports::CallError;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    oracle::{Actor, End},
    state::State,
    world::World,
};

/// A process of ours; it implements the library's traits for each service.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) world: World,
    /// It runs an operator's command.
    is_operator: bool,
    /// The current invocation.
    actor: Arc<AtomicU32>,
    /// Notified when a fault kills the process.
    death: Arc<Notify>,
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFailure {
    Throttled,
    Denied,
    Conflict,
    /// No response: it may have had its effect, or not.
    NoResponse,
    /// The request was rejected for its content.
    Rejected,
}

impl Caller {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            is_operator: false,
            actor: Arc::default(),
            death: Arc::default(),
        }
    }

    pub(crate) fn for_operator(world: &World) -> Self {
        Self {
            is_operator: true,
            ..Self::new(world)
        }
    }

    /// Starts an invocation.
    pub(crate) fn begin(&self) -> Actor {
        let actor = self.world.begin(self.is_operator);
        self.actor.store(actor, Ordering::Relaxed);
        actor
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
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, CallError> {
        let result = self.try_call(operation, effect).await;
        result.map_err(|failure| match failure {
            CallFailure::Throttled => CallError::Transient("throttled".into()),
            CallFailure::Conflict => CallError::Transient("conflict".into()),
            CallFailure::NoResponse => CallError::Transient("no response".into()),
            CallFailure::Denied => CallError::Configuration("access denied".into()),
            CallFailure::Rejected => CallError::Content("rejected".into()),
        })
    }

    /// Calls a service: the request travels, has its effect, and the response travels back.
    pub(crate) async fn try_call<T>(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, CallFailure> {
        let (there, back, fault, dies_before) = self.world.with(|state| {
            state.counts.calls += 1;
            let commits = matches!(
                operation,
                Operation::TransactWriteItems | Operation::GetItem
            );
            state.counts.calls_to_commit += u64::from(commits);
            let fault = state
                .fault_plan
                .fault_for(operation, &mut state.random, Instant::now());
            let mut latency = || Duration::from_millis(state.random.u64(1..15));
            let (there, mut back) = (latency(), latency());
            if fault == Some(Fault::Slow) {
                back += Duration::from_millis(state.random.u64(500..20_000));
            }
            (there, back, fault, state.random.bool())
        });
        if let Some(fault) = fault {
            let actor = self.actor();
            self.world
                .log(|| format!("{operation:?} of {actor} is affected by {fault:?}"));
        }
        sleep(there).await;
        let without_effect = match fault {
            Some(Fault::Throttled) => Some(CallFailure::Throttled),
            Some(Fault::CutBefore) => Some(CallFailure::NoResponse),
            Some(Fault::Denied) => Some(CallFailure::Denied),
            Some(Fault::Conflict) => Some(CallFailure::Conflict),
            Some(Fault::Rejected) => Some(CallFailure::Rejected),
            Some(Fault::Crash) if dies_before => self.die().await,
            _ => None,
        };
        let result = match without_effect {
            Some(failure) => Err(failure),
            None => Ok(self.world.with(|state| effect(state, fault))),
        };
        sleep(back).await;
        match fault {
            Some(Fault::Crash) => self.die().await,
            Some(Fault::CutAfter) => Err(CallFailure::NoResponse),
            _ => result,
        }
    }

    /// Checks that Lambda's timeout didn't end the invocation: the relay and the sweeper
    /// know their deadline, and must respond before it.
    pub(crate) fn check_answered_in_time(&self) {
        let actor = self.actor() as usize;
        self.world.with(|state| {
            if matches!(state.actors[actor].ended, Some((_, End::TimedOut))) {
                state.violate("did not respond before its deadline", None);
            }
        });
    }

    /// Returns whether this mistake is planted.
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.world.with(|state| state.mutant == Some(mutant))
    }
}
