//! Serves the functions under development to callers.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    call_error::{CallError, CallKind},
    configuration::environment,
    local_function::LocalFunction,
    project::Project,
    runtime_api::RuntimeApi,
    sources::Sources,
};
use crate::{
    clients::Clients, endpoint::LocalEndpoint, error::Error, http_server::HttpServer,
    log::log_line, paths::Paths, stack::Stack,
};

/// The default port of `cargo lambda invoke`.
const USUAL_PORT: u16 = 9000;

/// How often the sources are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The server that functions are called through: by HTTP at `/lambda-url/NAME/PATH`, or
/// with Lambda's `Invoke`. Dropping it stops them.
pub(crate) struct Gateway {
    endpoint: LocalEndpoint,
    tasks: JoinSet<()>,
    runtime_api: RuntimeApi,
}

/// The functions, by the names of their crates.
type Functions = Arc<BTreeMap<String, LocalFunction>>;

impl Gateway {
    /// Serves the functions of the stack with their deployed configuration.
    pub(crate) async fn start(paths: &Paths, stack: &Stack) -> Result<Self, Error> {
        let runtime_api = RuntimeApi::start(paths).await?;
        let project = Project::of(paths);
        let mut functions = BTreeMap::new();
        for (name, deployed) in &stack.deployment.functions {
            let client = runtime_api.client();
            let function = LocalFunction {
                name: name.clone(),
                project: project.clone(),
                environment: environment(stack, name, deployed, &client).await?,
                runtime_api: client,
                state: tokio::sync::Mutex::default(),
            };
            functions.insert(name.clone(), function);
        }
        let functions = Arc::new(functions);
        let server = listen().await?;
        let endpoint = server.endpoint();
        let mut tasks = JoinSet::new();
        tasks.spawn(build_changes(Arc::clone(&functions), project.sources));
        tasks.spawn(server.serve(move |request| {
            let functions = Arc::clone(&functions);
            async move { Ok::<_, Infallible>(answer(&functions, request).await) }
        }));
        Ok(Self {
            endpoint,
            tasks,
            runtime_api,
        })
    }

    pub(crate) fn endpoint(&self) -> LocalEndpoint {
        self.endpoint
    }

    /// Returns a client that invokes the functions by the names of their crates.
    pub(crate) fn client(&self) -> aws_sdk_lambda::Client {
        Clients::new(self.endpoint).lambda
    }

    /// Waits until functions can no longer be called, which is always a failure.
    pub(crate) async fn ended(&mut self) {
        tokio::select! {
            () = self.runtime_api.ended() => {}
            _ = self.tasks.join_next() => {}
        }
    }
}

/// Listens on the usual port, or on any free one if that is taken.
async fn listen() -> Result<HttpServer, Error> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match HttpServer::listen(at(USUAL_PORT)).await {
        Ok(server) => Ok(server),
        Err(error) => {
            log_line(
                "make dev",
                format_args!(
                    "functions have another port than {USUAL_PORT}, which is in use: {error}"
                ),
            );
            HttpServer::listen(at(0)).await
        }
    }
}

/// Builds the functions in use whenever their sources change.
async fn build_changes(functions: Functions, sources: Sources) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = sources.state();
    loop {
        ticks.tick().await;
        let now = sources.state();
        if now != known {
            known = now;
            for function in functions.values() {
                function.refresh().await;
            }
        }
    }
}

async fn answer(functions: &Functions, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Some((name, kind)) = called(parts.uri.path()) else {
        let mut response = Response::new(Full::from(
            "functions are called at /lambda-url/NAME/PATH, \
             or at /2015-03-31/functions/NAME/invocations\n",
        ));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let Some(function) = functions.get(name) else {
        let unknown = CallError::Unknown {
            name: name.to_owned(),
            functions: functions.keys().cloned().collect(),
        };
        return unknown.response(kind);
    };
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // The caller has disconnected and receives no response.
        Err(_) => return Response::default(),
    };
    match function.call(parts, body).await {
        Ok(answer) => answer,
        Err(error) => {
            let answer = error.response(kind);
            // Mappings log the results of their batches themselves.
            if kind == CallKind::Http {
                let status = answer.status().as_u16();
                log_line(
                    &function.name,
                    format_args!("ERROR request failed with {status}: {error}"),
                );
            }
            answer
        }
    }
}

/// Returns the function that a path calls, and how.
fn called(path: &str) -> Option<(&str, CallKind)> {
    if let Some(rest) = path.strip_prefix("/lambda-url/") {
        let name = rest.split('/').next()?;
        return Some((name, CallKind::Http));
    }
    let rest = path.strip_prefix("/2015-03-31/functions/")?;
    let name = rest.strip_suffix("/invocations")?;
    Some((name, CallKind::Invoke))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_function_and_how_it_is_called() {
        for (path, expected) in [
            (
                "/lambda-url/create-order/orders",
                Some(("create-order", CallKind::Http)),
            ),
            (
                "/lambda-url/get-order/orders/42/invocations",
                Some(("get-order", CallKind::Http)),
            ),
            (
                "/2015-03-31/functions/publish-events/invocations",
                Some(("publish-events", CallKind::Invoke)),
            ),
            ("/2015-03-31/functions/publish-events", None),
            ("/orders", None),
        ] {
            assert_eq!(called(path), expected, "{path}");
        }
    }
}
