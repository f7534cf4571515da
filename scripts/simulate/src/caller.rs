//! A process of ours, and its calls of services: what it asks for happens, or not, or
//! it dies of asking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use outbox::relay::CallError;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    truth::Actor,
    weather::{Fault, Operation},
    world::{State, World},
};

/// A process of ours, and what it calls services with.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) world: World,
    /// The invocation that is under way.
    actor: Arc<AtomicU32>,
    death: Arc<Notify>,
}

/// What became of a call.
enum Outcome<T> {
    Answered(T),
    Failed(CallError),
}

impl Caller {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            actor: Arc::default(),
            death: Arc::default(),
        }
    }

    pub(crate) fn begin(&self) -> Actor {
        let actor = self.world.begin();
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

    /// A call: on its way, carried out, on its way back.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State, Option<Fault>) -> T,
    ) -> Result<T, CallError> {
        let (there, back, fault, dies_before) = self.world.with(|state| {
            state.counts.calls += 1;
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
        let outcome = match fault {
            Some(Fault::Throttled) => Outcome::Failed(CallError::Transient("throttled".into())),
            Some(Fault::CutBefore) => Outcome::Failed(CallError::Transient("cut off".into())),
            Some(Fault::Denied) => Outcome::Failed(CallError::SetUp("access denied".into())),
            Some(Fault::Crash) if dies_before => self.die().await,
            _ => Outcome::Answered(self.world.with(|state| effect(state, fault))),
        };
        sleep(back).await;
        match (fault, outcome) {
            (Some(Fault::Crash), _) => self.die().await,
            (Some(Fault::CutAfter), Outcome::Answered(_)) => {
                Err(CallError::Transient("cut off".into()))
            }
            (_, Outcome::Answered(answer)) => Ok(answer),
            (_, Outcome::Failed(error)) => Err(error),
        }
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.world.with(|state| state.bug == Some(bug))
    }
}
