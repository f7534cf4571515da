//! A function that runs outside of the emulator, as a process.

use std::{ffi::OsString, path::PathBuf, pin::pin, time::Duration};

use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::{
    build::build,
    call_error::CallError,
    process::{Process, Program},
    project::Project,
    runtime_api::RuntimeApi,
    sources::SourcesState,
};
use crate::log::log_line;

/// How long a function may take to answer. Longer than on AWS: it is not optimized, and may
/// be stopped in a debugger.
const CALL_TIMEOUT: Duration = Duration::from_mins(5);

/// How long to wait for the response of a function whose process has already ended.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A function of the project, built from its current sources and run as a process.
pub(super) struct LocalFunction {
    /// The name of its crate.
    pub(super) name: String,
    pub(super) project: Project,
    /// The environment of its process, without the address of the Runtime API.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// How long an invocation may take, from which its deadline is computed.
    pub(super) timeout: Duration,
    /// Locked during a call: a function handles one call at a time, and is not replaced
    /// during it.
    pub(super) state: Mutex<State>,
}

/// The last build of a function, and its process.
#[derive(Default)]
pub(super) struct State {
    built: Option<Built>,
    running: Option<Running>,
}

/// The process of a function, and the Runtime API that it polls.
struct Running {
    process: Process,
    runtime_api: RuntimeApi,
}

/// The result of the last build.
struct Built {
    /// The sources that were built.
    from: SourcesState,
    program: Result<PathBuf, CallError>,
}

impl LocalFunction {
    /// Calls the function, and returns the payload of its response, or its error. Builds and
    /// starts it first if needed.
    pub(super) async fn call(
        &self,
        payload: Bytes,
        trace: Option<HeaderValue>,
    ) -> Result<Result<Bytes, Bytes>, CallError> {
        let mut state = self.state.lock().await;
        let (failed, last) = {
            let running = self.ready(&mut state).await?;
            let mut response = pin!(running.runtime_api.invoke(payload, trace));
            let failed = tokio::select! {
                response = &mut response => {
                    let response = response.map_err(|error| self.ended(error.to_string()))?;
                    return Ok(response.result);
                }
                status = running.process.ended() => self.ended(status),
                () = sleep(CALL_TIMEOUT) => self.timed_out(),
            };
            (failed, timeout(LAST_ANSWER_TIMEOUT, response).await)
        };
        // With its Runtime API: a call that it has not received must not reach the next process,
        // because its caller gets an error now.
        state.running = None;
        match last {
            Ok(Ok(response)) => Ok(response.result),
            Ok(Err(_)) | Err(_) => Err(failed),
        }
    }

    /// Builds the function if it was called before and its sources have changed since, so
    /// that compiler errors appear as soon as a file is saved.
    ///
    /// # Errors
    ///
    /// If it can't be built. That is in the log, and the next caller receives it, too.
    pub(super) async fn refresh(&self) -> Result<(), CallError> {
        let mut state = self.state.lock().await;
        if state.built.is_some() {
            self.ready(&mut state).await?;
        }
        Ok(())
    }

    /// Returns a process that runs the function as built from its current sources.
    async fn ready<'s>(&self, state: &'s mut State) -> Result<&'s mut Running, CallError> {
        let now = self.project.sources.state();
        let built = match state.built.take().filter(|built| built.from == now) {
            Some(built) => built,
            None => Built {
                from: now,
                program: build(&self.project, &self.name).await,
            },
        };
        let path = state.built.insert(built).program.clone()?;
        let not_started = |error: std::io::Error| self.not_started(error.to_string());
        let program = Program::at(&path).map_err(not_started)?;
        let mut running = state.running.take();
        let running = match running.take_if(|running| running.process.runs(&program)) {
            Some(running) => running,
            None => self.start(running, program).await?,
        };
        Ok(state.running.insert(running))
    }

    /// Starts the program. Takes the process before by value: it ends here, before the new
    /// one asks for work.
    async fn start(&self, before: Option<Running>, program: Program) -> Result<Running, CallError> {
        let is_changed = before.is_some_and(|before| !before.process.is_of(&program));
        let starting = RuntimeApi::start(&self.name, self.timeout).await;
        let runtime_api = starting.map_err(|error| self.not_started(error.to_string()))?;
        let address = runtime_api.address().to_string();
        let mut environment = self.environment.clone();
        environment.push(("AWS_LAMBDA_RUNTIME_API".into(), address.into()));
        let process = Process::start(&self.name, program, &environment, &self.project.root)
            .map_err(|error| self.not_started(error.to_string()))?;
        if is_changed {
            log_line(&self.name, "runs the changed code");
        }
        Ok(Running {
            process,
            runtime_api,
        })
    }

    fn not_started(&self, reason: String) -> CallError {
        log_line(
            &self.name,
            format_args!("ERROR could not be started: {reason}"),
        );
        CallError::NotStarted {
            name: self.name.clone(),
            reason,
        }
    }

    fn ended(&self, status: String) -> CallError {
        CallError::Ended {
            name: self.name.clone(),
            status,
        }
    }

    fn timed_out(&self) -> CallError {
        CallError::TimedOut {
            name: self.name.clone(),
            seconds: CALL_TIMEOUT.as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::test_project::{ANSWER, TestProject};

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_run_the_current_sources_or_return_why_not() {
        let project = TestProject::new();
        let function = project.function();
        let call = async || function.call(Bytes::from_static(b"{}"), None).await;

        project.write_main("fn main() { missing() }");
        for _ in 0..2 {
            let error = call().await.unwrap_err();
            assert!(matches!(error, CallError::DoesNotCompile { .. }));
            let error = error.to_string();
            assert!(error.contains("answers does not compile"), "{error}");
            assert!(error.contains("cannot find function `missing`"), "{error}");
            assert!(error.contains("lambdas/main.rs:1:13"), "{error}");
        }

        project.write_main("fn main() { std::process::exit(7) }");
        for _ in 0..2 {
            let error = call().await.unwrap_err().to_string();
            assert!(error.contains("ended (exit status: 7)"), "{error}");
        }

        // The response counts even if the process has ended when it arrives.
        let answered = Ok(Ok(Bytes::from_static(b"answered")));
        project.write_main(&format!("{ANSWER} fn main() {{ answer() }}"));
        assert_eq!(call().await, answered);

        let serves = format!("{ANSWER} fn main() {{ loop {{ answer() }} }}");
        project.write_main(&serves);
        for _ in 0..2 {
            assert_eq!(call().await, answered);
        }
    }
}
