//! A process of ours, and its calls of services: what it asks for happens, or not, or
//! it dies of asking.

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
    bugs::Bug,
    truth::{Actor, End},
    weather::{Fault, Operation},
    world::{State, World},
};

/// A process of ours, and what it calls services with.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) world: World,
    /// It is a command that a person has given.
    is_by_hand: bool,
    /// The invocation that is under way.
    actor: Arc<AtomicU32>,
    death: Arc<Notify>,
}

/// What struck a call so that it has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Struck {
    Throttled,
    Denied,
    Conflict,
    /// It may have happened, or not.
    CutOff,
    /// The request is refused for what it holds.
    Refused,
}

impl Caller {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            is_by_hand: false,
            actor: Arc::default(),
            death: Arc::default(),
        }
    }

    pub(crate) fn by_hand(world: &World) -> Self {
        Self {
            is_by_hand: true,
            ..Self::new(world)
        }
    }

    pub(crate) fn begin(&self) -> Actor {
        let actor = self.world.begin(self.is_by_hand);
        self.actor.store(actor, Ordering::Relaxed);
        actor
    }

    pub(crate) fn actor(&self) -> Actor {
        self.actor.load(Ordering::Relaxed)
    }

    /// Waits until the process dies.
    pub(crate) async fn dies(&self) {
        self.death.notified().await;
    }

    async fn die(&self) -> ! {
        self.death.notify_one();
        loop {
            std::future::pending::<()>().await;
        }
    }

    /// A call by the errors that relay and replay know.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, CallError> {
        let answer = self.try_to_call(operation, effect).await;
        answer.map_err(|struck| match struck {
            Struck::Throttled => CallError::Transient("throttled".into()),
            Struck::Conflict => CallError::Transient("in conflict with another".into()),
            Struck::CutOff => CallError::Transient("cut off".into()),
            Struck::Denied => CallError::SetUp("access denied".into()),
            Struck::Refused => CallError::Content("refused".into()),
        })
    }

    /// A call: on its way, carried out, on its way back.
    pub(crate) async fn try_to_call<T>(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, Struck> {
        let (there, back, fault, dies_before) = self.world.with(|state| {
            state.counts.calls += 1;
            let commits = matches!(
                operation,
                Operation::TransactWriteItems | Operation::GetItem
            );
            state.counts.calls_to_commit += u64::from(commits);
            let fault = state
                .weather
                .strike(operation, &mut state.random, Instant::now());
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
                .log(|| format!("{operation:?} of {actor} is struck by {fault:?}"));
        }
        sleep(there).await;
        let without_effect = match fault {
            Some(Fault::Throttled) => Some(Struck::Throttled),
            Some(Fault::CutBefore) => Some(Struck::CutOff),
            Some(Fault::Denied) => Some(Struck::Denied),
            Some(Fault::Conflict) => Some(Struck::Conflict),
            Some(Fault::Refused) => Some(Struck::Refused),
            Some(Fault::Crash) if dies_before => self.die().await,
            _ => None,
        };
        let answer = match without_effect {
            Some(struck) => Err(struck),
            None => Ok(self.world.with(|state| effect(state, fault))),
        };
        sleep(back).await;
        match fault {
            Some(Fault::Crash) => self.die().await,
            Some(Fault::CutAfter) => Err(Struck::CutOff),
            _ => answer,
        }
    }

    /// Whoever knows its deadline answers before it.
    pub(crate) fn expect_in_time(&self) {
        let actor = self.actor() as usize;
        self.world.with(|state| {
            if matches!(state.lives[actor].ended, Some((_, End::OutOfTime))) {
                state.violate("did not answer in time", None);
            }
        });
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.world.with(|state| state.bug == Some(bug))
    }
}
