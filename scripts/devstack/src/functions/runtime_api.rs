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
    function_log::{as_it_is, pass_on},
};
use crate::{
    emulator::free_port, endpoint::LocalEndpoint, error::Error, paths::Paths,
    process_environment::build_environment, process_group::ProcessGroup, upstream::Upstream,
};

/// How long it may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a call may take from its acceptance until a function can get it.
const HAND_OVER_TIMEOUT: Duration = Duration::from_millis(500);

/// Lambda's API, as `cargo lambda watch` serves it: callers send events or HTTP
/// requests, and functions poll for them.
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
            // It asks cargo which functions there are.
            .envs(build_environment(std::env::vars_os()))
            .env("RUST_LOG", "cargo_lambda=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = ProcessGroup::spawn("cargo lambda watch", &mut command)?;
        pass_on("lambda", process.child.stdout.take(), as_it_is);
        pass_on("lambda", process.child.stderr.take(), as_it_is);
        let mut api = Self { process, endpoint };
        api.wait_until_listening().await?;
        Ok(api)
    }

    pub(super) fn client(&self) -> RuntimeApiClient {
        RuntimeApiClient::of(self.endpoint)
    }

    /// Waits until it ends, which it should not by itself.
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

/// Without `--timeout`: it would be one for functions that wait for work, too.
/// They panic over the answer, which has no request id, and are not started
/// again.
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

/// Talks to [`RuntimeApi`].
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

    /// What Lambda's variable `AWS_LAMBDA_RUNTIME_API` is for this function.
    pub(super) fn of_function(&self, name: &str) -> String {
        format!("{}/.rt/{name}", self.endpoint)
    }

    /// Passes a call on, and waits for the function's answer.
    pub(super) async fn call(
        &self,
        parts: request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, CallError> {
        let answer = self.upstream.send(parts, body).await;
        answer.map_err(|error| CallError::NoRuntimeApi(error.to_string()))
    }

    /// Takes away a call that no function has taken yet, if there is one. No
    /// process of the function may run.
    pub(super) async fn take_back(&self, name: &str) {
        let next = format!("/.rt/{name}/2018-06-01/runtime/invocation/next");
        let Ok(request) = Request::get(next).body(()) else {
            return;
        };
        let (parts, ()) = request.into_parts();
        let taking = self.upstream.send(parts, Bytes::new());
        // Nobody waits for the answer to what comes.
        let _ = timeout(HAND_OVER_TIMEOUT, taking).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_may_wait_for_work_as_long_as_they_like() {
        let arguments = arguments(([127, 0, 0, 1], 9000).into());
        assert!(
            !arguments
                .iter()
                .any(|argument| argument.contains("timeout"))
        );
    }
}
