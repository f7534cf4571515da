//! A function that runs outside of the emulator.

use tokio::sync::Mutex;

use super::{
    call_error::CallError,
    code::Code,
    environment::{Environment, Settings},
    environments::{Environments, Slot},
    latest_build::LatestBuild,
    process::Program,
    runtime_api::{FunctionResponse, Invocation},
};
use crate::log::log_line;

/// A function of the project, run in processes.
pub(super) struct LocalFunction {
    /// The name of its crate.
    pub(super) name: String,
    code: Code,
    /// Locked during a build, so that there is one for all callers, and until an environment has
    /// started: a build replaces the program's file.
    pub(super) latest: Mutex<LatestBuild>,
    pub(super) environments: Environments,
}

impl LocalFunction {
    pub(super) fn new(code: Code, settings: Settings) -> Self {
        Self {
            name: settings.name.clone(),
            code,
            latest: Mutex::default(),
            environments: Environments::new(settings),
        }
    }

    /// Calls the function, and returns the payload of its response, or its error. Builds and
    /// starts it first if needed.
    pub(super) async fn call(&self, invocation: Invocation) -> Result<FunctionResponse, CallError> {
        let slot = self.environments.slot().await;
        let environment = self.ready(&slot).await?;
        self.environments
            .invoke(slot, environment, invocation)
            .await
    }

    /// Builds the function if it was called before and its sources have changed since, so
    /// that compiler errors appear as soon as a file is saved.
    ///
    /// # Errors
    ///
    /// If it can't be built. That is in the log, and the next caller receives it, too.
    pub(super) async fn refresh(&self) -> Result<(), CallError> {
        let mut latest = self.latest.lock().await;
        if latest.exists() {
            self.program(&mut latest).await?;
        }
        Ok(())
    }

    /// Returns an environment that runs the current program.
    async fn ready(&self, slot: &Slot) -> Result<Environment, CallError> {
        let mut latest = self.latest.lock().await;
        let program = self.program(&mut latest).await?;
        let ready = self.environments.ready(slot, &program).await;
        ready.map_err(|error| self.not_started(error.to_string()))
    }

    /// Returns the current program. The environments of another one end when they are idle.
    async fn program(&self, latest: &mut LatestBuild) -> Result<Program, CallError> {
        let path = match &self.code {
            Code::Sources(project) => latest.program(project, &self.name).await?,
            Code::Built(folder) => folder.join(&self.name).join("bootstrap"),
        };
        let program = Program::at(&path).map_err(|error| self.not_started(error.to_string()))?;
        self.environments.change_to(&program).await;
        Ok(program)
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
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::functions::test_project::{ANSWER, TestProject, invocation};

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_run_the_current_sources_or_return_why_not() {
        let project = TestProject::new();
        let function = project.function();
        let call = async || function.call(invocation("{}")).await;

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
