use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpStream,
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    clients::Clients, emulator::free_port, endpoint::LocalEndpoint, error::Error, log::tell,
    paths::Paths, process_environment::process_environment, process_group::ProcessGroup,
    stack::Stack,
};

/// Where `cargo lambda invoke` looks for it.
const USUAL_PORT: u16 = 9000;

/// How long it may take to answer; it builds nothing before the first call.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a call may take, a build included. What was cut off is called again.
const CALL_TIMEOUT_SECONDS: &str = "300";

/// Cargo has to find its toolchain and what it has downloaded, and to build as make
/// does (`scripts/environment.mk`): otherwise the first call compiles everything.
const CARGO: [&str; 8] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_PROFILE_DEV_PANIC",
];

/// `cargo lambda watch`: builds each function when it is called, and again
/// after each change of its code.
#[derive(Debug)]
pub(crate) struct Watch {
    process: ProcessGroup,
    endpoint: LocalEndpoint,
}

impl Watch {
    /// Serves the functions, with the configuration they are deployed with.
    pub(crate) async fn start(paths: &Paths, stack: &Stack) -> Result<Self, Error> {
        let endpoint = LocalEndpoint::new(usual_or_free_port()?)?;
        let address = endpoint.address();
        let cargo = std::env::vars_os().filter(|(name, _)| CARGO.iter().any(|cargo| name == cargo));
        let mut command = Command::new(paths.cargo_lambda()?);
        command
            .args(["lambda", "watch"])
            .args(["--invoke-address", &address.ip().to_string()])
            .args(["--invoke-port", &address.port().to_string()])
            // A call under way when its function is replaced is never answered.
            .args(["--timeout", CALL_TIMEOUT_SECONDS])
            .current_dir(paths.root())
            .env_clear()
            .envs(process_environment(
                std::env::vars_os(),
                stack.faults.endpoint(),
            ))
            .envs(cargo)
            .envs(configuration(stack).await?)
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = ProcessGroup::spawn("cargo lambda watch", &mut command)?;
        pass_on(process.child.stdout.take());
        pass_on(process.child.stderr.take());
        let mut watch = Self { process, endpoint };
        watch.wait_until_listening().await?;
        Ok(watch)
    }

    pub(crate) fn endpoint(&self) -> LocalEndpoint {
        self.endpoint
    }

    /// A client that invokes the functions by the names of their crates.
    pub(crate) fn client(&self) -> aws_sdk_lambda::Client {
        Clients::new(self.endpoint).lambda
    }

    /// Waits until it ends, which it should not by itself.
    pub(crate) async fn ended(&mut self) {
        let _ = self.process.child.wait().await;
    }

    async fn wait_until_listening(&mut self) -> Result<(), Error> {
        let give_up_at = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(self.endpoint.address()).await.is_err() {
            let ended = self.process.child.try_wait();
            let ended = ended.map_err(Error::io("cargo lambda watch"))?;
            if ended.is_some() || Instant::now() > give_up_at {
                return Err(Error::WatchDidNotStart);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

fn usual_or_free_port() -> Result<SocketAddr, Error> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    if TcpListener::bind(usual).is_ok() {
        return Ok(usual);
    }
    free_port(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// The variables of all functions; none is used for two things but the one that
/// names each function to AWS.
async fn configuration(stack: &Stack) -> Result<HashMap<String, String>, Error> {
    let mut variables = HashMap::new();
    for name in stack.deployment.functions.values() {
        let configuration = stack
            .clients
            .lambda
            .get_function_configuration()
            .function_name(name)
            .send()
            .await
            .map_err(|error| Error::call("GetFunctionConfiguration")(error.into()))?;
        let environment = configuration.environment.and_then(|all| all.variables);
        variables.extend(environment.unwrap_or_default());
    }
    variables.remove("AWS_SDK_UA_APP_ID");
    Ok(variables)
}

/// What builds and functions have to say becomes part of our log.
fn pass_on(output: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(output) = output else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tell("function", line.trim_end());
        }
    });
}
