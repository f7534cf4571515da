//! Lambda's API for functions and callers, served by `cargo lambda watch`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, http::request};
use tokio::{
    net::TcpStream,
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::{
    call_error::CallError,
    function_log::{pass_on, unchanged},
};
use crate::{
    emulator::free_port, endpoint::LocalEndpoint, error::Error, paths::Paths,
    process_environment::build_environment, process_group::ProcessGroup, upstream::Upstream,
};

/// How long `cargo lambda watch` may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it takes at most until an accepted call is offered to a function.
const HAND_OVER_TIMEOUT: Duration = Duration::from_millis(500);

/// A running `cargo lambda watch`: callers send it events or HTTP requests, and functions
/// poll it for them.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    process: ProcessGroup,
    endpoint: LocalEndpoint,
}

impl RuntimeApi {
    pub(super) async fn start(paths: &Paths) -> Result<Self, Error> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = LocalEndpoint::new(free_port(any)?)?;
        let mut command = Command::new(paths.cargo_lambda()?);
        command
            .args(arguments(endpoint.address()))
            .current_dir(paths.root())
            .env_clear()
            // It runs cargo to list the functions.
            .envs(build_environment(std::env::vars_os()))
            .env("RUST_LOG", "cargo_lambda=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = ProcessGroup::spawn("cargo lambda watch", &mut command)?;
        pass_on("lambda", process.child.stdout.take(), unchanged);
        pass_on("lambda", process.child.stderr.take(), unchanged);
        let mut api = Self { process, endpoint };
        api.wait_until_listening().await?;
        Ok(api)
    }

    pub(super) fn client(&self) -> RuntimeApiClient {
        RuntimeApiClient::of(self.endpoint)
    }

    /// Waits until it ends, which is always a failure.
    pub(super) async fn ended(&mut self) {
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

/// Without `--timeout`: it would also apply to functions that poll for work. They would
/// panic because that response has no request id, and would not be restarted.
fn arguments(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    [
        "lambda",
        "watch",
        "--only-lambda-apis",
        "--invoke-address",
        &ip,
        "--invoke-port",
        &port,
    ]
    .map(str::to_owned)
    .into()
}

/// A client of [`RuntimeApi`].
#[derive(Debug, Clone)]
pub(super) struct RuntimeApiClient {
    endpoint: LocalEndpoint,
    upstream: Upstream,
}

impl RuntimeApiClient {
    pub(super) fn of(endpoint: LocalEndpoint) -> Self {
        Self {
            endpoint,
            upstream: Upstream::new(endpoint),
        }
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API` for this function.
    pub(super) fn of_function(&self, name: &str) -> String {
        format!("{}/.rt/{name}", self.endpoint)
    }

    /// Forwards a call, and returns the function's response.
    pub(super) async fn call(
        &self,
        parts: request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, CallError> {
        let answer = self.upstream.send(parts, body).await;
        answer.map_err(|error| CallError::NoRuntimeApi(error.to_string()))
    }

    /// Removes a call that no process has received yet, if there is one. No process of the
    /// function may be running.
    pub(super) async fn take_back(&self, name: &str) {
        let next = format!("/.rt/{name}/2018-06-01/runtime/invocation/next");
        let Ok(request) = Request::get(next).body(()) else {
            return;
        };
        let (parts, ()) = request.into_parts();
        // Polls for the call like a function.
        let taking = self.upstream.send(parts, Bytes::new());
        // The call is dropped: its caller has already received an error.
        let _ = timeout(HAND_OVER_TIMEOUT, taking).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_may_poll_without_a_timeout() {
        let arguments = arguments(([127, 0, 0, 1], 9000).into());
        assert!(
            !arguments
                .iter()
                .any(|argument| argument.contains("timeout"))
        );
    }
}
