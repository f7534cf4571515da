//! The execution environments of a function: as on AWS, one for each concurrent invocation.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
};

use super::{
    call_error::CallError,
    environment::{Environment, Settings},
    process::Program,
    runtime_api::{FunctionResponse, Invocation},
};
use crate::{error::Error, log::log_line};

/// How many environments a function has at most. AWS starts a thousand, or ten in a new account;
/// here each is a process of one machine, and ten keep more work waiting than it can do.
pub(super) const MOST_ENVIRONMENTS: usize = 10;

/// The environments of a function. The most recently used idle one gets the next invocation, and
/// another is started only if none is idle. Dropping this ends all.
pub(super) struct Environments {
    settings: Settings,
    /// A permit for each invocation. There are never more environments than permits: one that is
    /// busy has a permit, and one is started only if none is idle.
    slots: Arc<Semaphore>,
    idle: Arc<Idle>,
    /// The invocations. Tasks of their own, because an invocation goes on after its response, and
    /// if its caller goes.
    busy: Mutex<JoinSet<()>>,
}

/// The permit to invoke the function.
pub(super) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The environments that wait for an invocation.
#[derive(Default)]
struct Idle(Mutex<IdleOf>);

/// The idle environments of a program.
#[derive(Default)]
struct IdleOf {
    /// `None` before the first invocation.
    program: Option<Program>,
    /// The most recently used last.
    environments: Vec<Environment>,
}

impl Environments {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            slots: Arc::new(Semaphore::new(MOST_ENVIRONMENTS)),
            idle: Arc::default(),
            busy: Mutex::default(),
        }
    }

    /// Waits until less than [`MOST_ENVIRONMENTS`] are busy: those that still work after their
    /// response are.
    pub(super) async fn slot(&self) -> Slot {
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        Slot {
            // It fails only if the semaphore is closed, which it never is.
            _permit: permit.ok(),
        }
    }

    /// Invokes only this program from now on. Idle environments of another one end now, and busy
    /// ones when they have done their work.
    pub(super) async fn change_to(&self, program: &Program) {
        let Some(outdated) = self.idle.change_to(program) else {
            return;
        };
        log_line(&self.settings.name, "runs the changed code");
        for environment in outdated {
            environment.stop().await;
        }
    }

    /// Returns an idle environment of the program, or starts one.
    pub(super) async fn ready(
        &self,
        _slot: &Slot,
        program: &Program,
    ) -> Result<Environment, Error> {
        match self.idle.take(program) {
            Some(environment) => Ok(environment),
            None => Environment::start(&self.settings, program.clone()).await,
        }
    }

    /// Invokes the function in an environment, and returns as soon as there is a response.
    pub(super) async fn invoke(
        &self,
        slot: Slot,
        environment: Environment,
        invocation: Invocation,
    ) -> Result<FunctionResponse, CallError> {
        let (caller, response) = oneshot::channel();
        let idle = Arc::clone(&self.idle);
        self.spawn(async move {
            if let Some(environment) = environment.handle(invocation, caller).await {
                idle.put_back(environment).await;
            }
            drop(slot);
        });
        response.await.unwrap_or_else(|_| {
            Err(CallError::Ended {
                name: self.settings.name.clone(),
                status: "its server was stopped".to_owned(),
            })
        })
    }

    fn spawn(&self, invocation: impl Future<Output = ()> + Send + 'static) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // The set keeps what has ended until it is asked.
        while busy.try_join_next().is_some() {}
        busy.spawn(invocation);
    }
}

impl Idle {
    /// Returns the environments of the program before, if it was another one.
    fn change_to(&self, program: &Program) -> Option<Vec<Environment>> {
        let mut idle = self.lock();
        let before = idle.program.replace(program.clone())?;
        (before != *program).then(|| mem::take(&mut idle.environments))
    }

    /// Takes the environment of the program that was used most recently.
    fn take(&self, program: &Program) -> Option<Environment> {
        let mut idle = self.lock();
        loop {
            let mut environment = idle.environments.pop()?;
            // Otherwise its process has ended meanwhile.
            if environment.runs(program) {
                return Some(environment);
            }
        }
    }

    /// Keeps an environment for the next invocation, or ends it if the program has changed.
    async fn put_back(&self, environment: Environment) {
        if let Some(outdated) = self.keep(environment) {
            outdated.stop().await;
        }
    }

    /// Keeps an environment, or returns it if it is of another program.
    fn keep(&self, environment: Environment) -> Option<Environment> {
        let mut idle = self.lock();
        match &idle.program {
            Some(program) if environment.is_of(program) => idle.environments.push(environment),
            _ => return Some(environment),
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, IdleOf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
