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
    local_function::{LocalFunction, Project},
    runtime_api::RuntimeApi,
    sources::Sources,
};
use crate::{
    clients::Clients, endpoint::LocalEndpoint, error::Error, http_server::HttpServer, log::tell,
    paths::Paths, stack::Stack,
};

/// Where `cargo lambda invoke` looks for functions.
const USUAL_PORT: u16 = 9000;

/// How often the sources are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where the functions are called, by HTTP at `/lambda-url/NAME/PATH`, or as
/// Lambda's `Invoke`. It lives as long as they are served.
pub(crate) struct Gateway {
    endpoint: LocalEndpoint,
    tasks: JoinSet<()>,
    runtime_api: RuntimeApi,
}

/// The functions, by the names of their crates.
type Functions = Arc<BTreeMap<String, LocalFunction>>;

impl Gateway {
    /// Serves the functions of the stack, with the configuration they are deployed
    /// with.
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

    /// A client that invokes the functions by the names of their crates.
    pub(crate) fn client(&self) -> aws_sdk_lambda::Client {
        Clients::new(self.endpoint).lambda
    }

    /// Waits until functions can no longer be called, which should not happen.
    pub(crate) async fn ended(&mut self) {
        tokio::select! {
            () = self.runtime_api.ended() => {}
            _ = self.tasks.join_next() => {}
        }
    }
}

async fn listen() -> Result<HttpServer, Error> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match HttpServer::listen(at(USUAL_PORT)).await {
        Ok(server) => Ok(server),
        Err(error) => {
            tell(
                "make dev",
                format_args!(
                    "functions have another port than {USUAL_PORT}, which is in use: {error}"
                ),
            );
            HttpServer::listen(at(0)).await
        }
    }
}

/// Builds functions that are in use whenever their sources have changed.
async fn build_changes(functions: Functions, sources: Sources) {
    let mut ticks = interval(LOOK_INTERVAL);
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
        return unknown.answer(kind);
    };
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // The caller has gone, and gets no answer.
        Err(_) => return Response::default(),
    };
    match function.call(parts, body).await {
        Ok(answer) => answer,
        Err(error) => {
            let answer = error.answer(kind);
            // A mapping logs what becomes of its batch itself.
            if kind == CallKind::Http {
                let status = answer.status().as_u16();
                tell(
                    &function.name,
                    format_args!("ERROR request answered {status}: {error}"),
                );
            }
            answer
        }
    }
}

/// Which function a path calls, and how.
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
