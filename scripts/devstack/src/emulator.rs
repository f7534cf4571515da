//! The emulator of AWS, as a process.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    endpoint::LocalEndpoint, error::Error, paths::Paths, process_environment::process_environment,
    process_group::ProcessGroup,
};

/// How long the emulator may take to answer.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How many ports are tried: another process may take a port before the emulator does.
const START_ATTEMPTS: u32 = 3;

/// A running emulator of AWS; dropping this ends it.
#[derive(Debug)]
pub struct Emulator {
    process: ProcessGroup,
    endpoint: LocalEndpoint,
    /// The emulator's files, such as copies of the functions. Deleted with the emulator.
    directory: TempDir,
    /// The emulator's output. The file stays after the end, to find the cause of a failure.
    log: PathBuf,
}

impl Emulator {
    /// Starts the emulator and waits until it answers. Port 0 means any free port. Its
    /// functions call AWS at `for_functions`.
    ///
    /// # Errors
    ///
    /// If the address is not on loopback, or the emulator doesn't start.
    pub async fn start(
        paths: &Paths,
        address: SocketAddr,
        for_functions: LocalEndpoint,
    ) -> Result<Self, Error> {
        LocalEndpoint::new(address)?;
        let mut attempt = 1;
        loop {
            match Self::start_once(paths, address, for_functions).await {
                Err(Error::EmulatorDidNotStart { .. })
                    if address.port() == 0 && attempt < START_ATTEMPTS =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn start_once(
        paths: &Paths,
        address: SocketAddr,
        for_functions: LocalEndpoint,
    ) -> Result<Self, Error> {
        let address = free_port(address)?;
        let endpoint = LocalEndpoint::new(address)?;
        let directory = paths.run_directory()?;
        let log = paths.emulator_log(address.port())?;
        let mut emulator = Self {
            process: spawn(paths, endpoint, for_functions, directory.path(), &log)?,
            endpoint,
            directory,
            log,
        };
        emulator.wait_until_healthy().await?;
        Ok(emulator)
    }

    /// Returns its address.
    pub fn endpoint(&self) -> LocalEndpoint {
        self.endpoint
    }

    /// Returns the directory with the files of this run.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends the emulator and its functions.
    ///
    /// # Errors
    ///
    /// If waiting for the process fails.
    pub async fn stop(self) -> Result<(), Error> {
        self.process.stop().await
    }

    async fn wait_until_healthy(&mut self) -> Result<(), Error> {
        let failed = |reason: String, log: &PathBuf| Error::EmulatorDidNotStart {
            reason,
            log: log.clone(),
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(1))
            .build()
            .map_err(|error| failed(error.to_string(), &self.log))?;
        let health = format!("{}/_ministack/health", self.endpoint);
        let give_up_at = Instant::now() + START_TIMEOUT;
        while Instant::now() < give_up_at {
            let status = self
                .process
                .child
                .try_wait()
                .map_err(Error::io("the emulator"))?;
            if let Some(status) = status {
                return Err(failed(format!("it ended with {status}"), &self.log));
            }
            if let Ok(answer) = http.get(&health).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        let reason = format!("no answer within {} s", START_TIMEOUT.as_secs());
        Err(failed(reason, &self.log))
    }
}

/// Returns the address with a free port in place of 0. Another process may take the port
/// first; then the emulator fails to start, and another port is tried.
pub(crate) fn free_port(address: SocketAddr) -> Result<SocketAddr, Error> {
    TcpListener::bind(address)
        .and_then(|listener| listener.local_addr())
        .map_err(Error::io(format!("listening on {address}")))
}

fn spawn(
    paths: &Paths,
    endpoint: LocalEndpoint,
    for_functions: LocalEndpoint,
    directory: &Path,
    log: &Path,
) -> Result<ProcessGroup, Error> {
    let output = File::create(log).map_err(Error::io(format!("creating {}", log.display())))?;
    let errors = output
        .try_clone()
        .map_err(Error::io("the emulator's log"))?;
    let address = endpoint.address();
    let (python, arguments) = paths.ministack()?;
    let mut command = Command::new(python);
    command
        .args(arguments)
        .env_clear()
        // The functions inherit the emulator's environment, so it has their endpoint.
        .envs(process_environment(std::env::vars_os(), for_functions))
        .env("HOME", directory)
        .env("TMPDIR", directory)
        .env("BIND_HOST", address.ip().to_string())
        .env("GATEWAY_PORT", address.port().to_string())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    ProcessGroup::spawn("the emulator", &mut command)
}
