//! An execution environment of a function.

use std::{ffi::OsString, path::PathBuf, pin::pin, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};

use super::{
    call_error::CallError,
    process::{Process, Program},
    runtime_api::{FunctionResponse, Invocation, RuntimeApi},
};
use crate::{error::Error, log::log_line};

/// How long an invocation may take, with what the function does after its response. Longer than
/// on AWS: it is not optimized, and may be stopped in a debugger.
const INVOCATION_TIMEOUT: Duration = Duration::from_mins(5);

/// How long to wait for the response of a function whose process has already ended.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What all environments of a function have in common.
pub(super) struct Settings {
    /// The name of the function's crate.
    pub(super) name: String,
    /// The working directory of the processes.
    pub(super) directory: PathBuf,
    /// The variables of the processes, without the address of the Runtime API.
    pub(super) variables: Vec<(OsString, OsString)>,
    /// How long an invocation may take, from which its deadline is computed.
    pub(super) timeout: Duration,
}

/// A process of a function, and the Runtime API that it polls. It handles one invocation at a
/// time. Dropping it ends the process.
pub(super) struct Environment {
    /// The name of the function.
    name: String,
    process: Process,
    runtime_api: RuntimeApi,
}

impl Environment {
    pub(super) async fn start(settings: &Settings, program: Program) -> Result<Self, Error> {
        let runtime_api = RuntimeApi::start(&settings.name, settings.timeout).await?;
        let address = runtime_api.address().to_string();
        let mut variables = settings.variables.clone();
        variables.push(("AWS_LAMBDA_RUNTIME_API".into(), address.into()));
        let process = Process::start(&settings.name, program, &variables, &settings.directory)?;
        Ok(Self {
            name: settings.name.clone(),
            process,
            runtime_api,
        })
    }

    /// Returns whether this program is running. Reaps the process if it has ended.
    pub(super) fn runs(&mut self, program: &Program) -> bool {
        self.process.runs(program)
    }

    /// Returns whether it was started from this build of the program.
    pub(super) fn is_of(&self, program: &Program) -> bool {
        self.process.is_of(program)
    }

    /// Handles an invocation, and sends the response as soon as there is one. Returns the
    /// environment once its process polls for the next invocation; `None` if it has ended.
    pub(super) async fn handle(
        mut self,
        invocation: Invocation,
        mut caller: oneshot::Sender<Result<FunctionResponse, CallError>>,
    ) -> Option<Self> {
        let until = Instant::now() + INVOCATION_TIMEOUT;
        let answered = tokio::select! {
            answered = self.answer(invocation, until) => Some(answered),
            // The process is left to what it does.
            () = caller.closed() => None,
        };
        match answered {
            Some(Err(error)) => {
                // Ended before its caller calls again.
                self.stop().await;
                let _ = caller.send(Err(error));
                return None;
            }
            Some(answered) => {
                let _ = caller.send(answered);
            }
            None => {}
        }
        self.idle(until).await
    }

    async fn answer(
        &mut self,
        invocation: Invocation,
        until: Instant,
    ) -> Result<FunctionResponse, CallError> {
        let name = self.name.clone();
        let ended = |status: String| CallError::Ended {
            name: name.clone(),
            status,
        };
        let mut response = pin!(self.runtime_api.invoke(invocation));
        let failed = tokio::select! {
            response = &mut response => {
                return response.map_err(|error| ended(error.to_string()));
            }
            status = self.process.ended() => ended(status),
            () = sleep_until(until) => CallError::TimedOut {
                name: name.clone(),
                seconds: INVOCATION_TIMEOUT.as_secs(),
            },
        };
        match timeout(LAST_ANSWER_TIMEOUT, response).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) | Err(_) => Err(failed),
        }
    }

    /// Waits until the process polls for its next invocation, and returns the environment then.
    /// A process that ends instead is logged: no caller learns about it.
    async fn idle(mut self, until: Instant) -> Option<Self> {
        let failed = tokio::select! {
            () = self.runtime_api.idle() => return Some(self),
            status = self.process.ended() => format!("ended ({status})"),
            () = sleep_until(until) => {
                format!("was stopped after {} s", INVOCATION_TIMEOUT.as_secs())
            }
        };
        log_line(
            &self.name,
            format_args!("ERROR {failed} before it asked for its next invocation"),
        );
        self.stop().await;
        None
    }

    /// Ends the process.
    pub(super) async fn stop(self) {
        if let Err(error) = self.process.stop().await {
            log_line(&self.name, format_args!("ERROR {error}"));
        }
    }
}
