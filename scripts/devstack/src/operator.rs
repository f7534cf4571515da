//! An operator at work, for the demo.

use std::process::Stdio;

use tokio::process::Command;

use crate::{
    endpoint::LocalEndpoint, error::Error, paths::Paths, process_environment::process_environment,
};

/// Runs `outboxctl` on the local stack.
pub(crate) struct Operator<'p> {
    paths: &'p Paths,
    endpoint: LocalEndpoint,
}

impl<'p> Operator<'p> {
    pub(crate) fn new(paths: &'p Paths, endpoint: LocalEndpoint) -> Self {
        Self { paths, endpoint }
    }

    /// Prints a command, runs it, and shows its output.
    ///
    /// # Errors
    ///
    /// If it doesn't end with the expected exit status.
    pub(crate) async fn run(&self, command: &[&str], expected: i32) -> Result<(), Error> {
        println!("\n$ outboxctl --env local {}", command.join(" "));
        let status = Command::new(self.paths.outboxctl()?)
            .args(["--env", "local"])
            .args(command)
            .env_clear()
            .envs(process_environment(std::env::vars_os(), self.endpoint))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .map_err(Error::io("running outboxctl"))?;
        if status.code() == Some(expected) {
            return Ok(());
        }
        Err(Error::Outboxctl {
            command: command.join(" "),
            status,
        })
    }
}
