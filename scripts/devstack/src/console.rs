//! The console of the running stack: a page in the browser, served by `outboxctl`.

use std::{convert::Infallible, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{ChildStderr, ChildStdout, Command},
    time::timeout,
};

use crate::{
    endpoint::LocalEndpoint, error::Error, log::log_line, paths::Paths,
    process_environment::process_environment, process_group::ProcessGroup, stack::Stack,
};

/// How long the console may take to print its address.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running console; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Console {
    process: ProcessGroup,
    address: String,
}

impl Console {
    /// Starts the console of the stack with this name and waits for its address. `aws` is the
    /// stack's AWS, and `management` where the stack reports what it does.
    ///
    /// # Errors
    ///
    /// If it can't be started, or ends.
    pub(crate) async fn start(
        paths: &Paths,
        stack: &str,
        aws: LocalEndpoint,
        management: LocalEndpoint,
    ) -> Result<Self, Error> {
        let mut command = Command::new(paths.outboxctl()?);
        command.args(["--env", "local"]);
        if !paths.is_orders_service() {
            command.args(["--stack", stack]);
        }
        command
            .args(["console", "--no-open", "--devstack"])
            .arg(management.to_string())
            .env_clear()
            .envs(process_environment(std::env::vars_os(), aws))
            .env("OUTBOXCTL_STARTED_BY", "make")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = ProcessGroup::spawn("the console", &mut command)?;
        let (stdout, stderr) = (process.child.stdout.take(), process.child.stderr.take());
        let address = async {
            let mut lines = BufReader::new(stdout?).lines();
            let address = address(&mut lines).await?;
            pass_on(lines);
            Some(address)
        };
        match timeout(START_TIMEOUT, address).await {
            Ok(Some(address)) => {
                if let Some(stderr) = stderr {
                    pass_on(BufReader::new(stderr).lines());
                }
                Ok(Self { process, address })
            }
            Ok(None) => Err(Error::ConsoleEnded(said(stderr).await)),
            Err(_) => Err(Error::ConsoleEnded(format!(
                "it printed no address within {} s",
                START_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Starts the console, or logs why not: the stack is useful without it.
    pub(crate) async fn start_or_log(paths: &Paths, stack: &Stack) -> Option<Self> {
        let (aws, management) = (stack.emulator.endpoint(), stack.faults.endpoint());
        match Self::start(paths, &stack.deployment.stack, aws, management).await {
            Ok(console) => Some(console),
            Err(error) => {
                log_line("console", stream_mapping_cli::reason(&error));
                None
            }
        }
    }

    /// Returns its address, with the token of the first visit.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until it ends, and returns how.
    pub(crate) async fn ended(&mut self) -> String {
        match self.process.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// Logs that a console has ended, if there is one, and then waits for ever.
pub(crate) async fn log_end(console: &mut Option<Console>) -> Infallible {
    if let Some(console) = console {
        let status = console.ended().await;
        log_line("console", format_args!("has ended: {status}"));
    }
    std::future::pending().await
}

/// Returns the first address that is printed.
async fn address(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = line.split_whitespace();
        if let Some(address) = words.find(|word| word.starts_with("http://")) {
            return Some(address.to_owned());
        }
    }
    None
}

/// Logs what it prints.
fn pass_on<R: tokio::io::AsyncBufRead + Unpin + Send + 'static>(mut lines: Lines<R>) {
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if !line.trim().is_empty() {
                log_line("console", line);
            }
        }
    });
}

/// Returns what a console that has ended printed to standard error.
async fn said(stderr: Option<ChildStderr>) -> String {
    let mut said = Vec::new();
    if let Some(mut stderr) = stderr {
        // What can't be read isn't shown.
        let _ = stderr.read_to_end(&mut said).await;
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use tempfile::TempDir;

    use super::*;

    /// A project in which `outboxctl` is this script.
    fn project(script: &str) -> (TempDir, Paths) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder
            .path()
            .join("target/lambda/local/outboxctl/bootstrap");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        write_program(&program, script);
        let paths = Paths::new(folder.path());
        (folder, paths)
    }

    fn write_program(program: &Path, script: &str) {
        fs::write(program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn start(paths: &Paths) -> Result<Console, Error> {
        let at = |port| LocalEndpoint::new(([127, 0, 0, 1], port).into()).unwrap();
        Console::start(paths, "tickets-local", at(4566), at(4567)).await
    }

    #[tokio::test]
    async fn a_console_knows_the_stack_and_its_address() {
        let script = "echo Open this:; echo \"  http://127.0.0.1:1/?token=$*,$AWS_ENDPOINT_URL\" \
                      | tr ' ' '+' | sed 's/^++//'; exec sleep 60";
        let (_folder, paths) = project(script);
        let console = start(&paths).await.unwrap();
        assert_eq!(
            console.address(),
            "http://127.0.0.1:1/?token=--env+local+console+--no-open+--devstack+\
             http://127.0.0.1:4567,http://127.0.0.1:4566"
        );
    }

    #[tokio::test]
    async fn a_console_of_another_service_knows_its_stack() {
        let script = "echo http://127.0.0.1:1/?token=$1+$2+$3+$4; exec sleep 60";
        let (folder, paths) = project(script);
        let service = folder.path().join("tickets");
        fs::create_dir_all(service.join("infra")).unwrap();
        fs::write(service.join("infra/cdk.json"), "{}").unwrap();
        let paths = paths.with_service(&service).unwrap();
        let console = start(&paths).await.unwrap();
        let expected = "http://127.0.0.1:1/?token=--env+local+--stack+tickets-local";
        assert_eq!(console.address(), expected);
    }

    #[tokio::test]
    async fn a_console_that_ends_says_why() {
        let (_folder, paths) = project("echo 'no such command' >&2; exit 2");
        let error = start(&paths).await.unwrap_err().to_string();
        assert_eq!(error, "the console did not start: no such command");

        let (folder, paths) = project("");
        fs::remove_dir_all(folder.path().join("target")).unwrap();
        let error = start(&paths).await.unwrap_err();
        assert!(matches!(error, Error::NotInstalled(_)), "{error}");
    }
}
