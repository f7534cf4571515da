//! Serves the functions under development to callers.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, http::request};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    call_error::{CallError, CallKind, function_error},
    code::Code,
    configuration::Configurations,
    environment::Settings,
    http_event,
    local_function::LocalFunction,
    project::Project,
    runtime_api::Invocation,
    sources::Sources,
};
use crate::{
    activity::Recorder, clients::Clients, endpoint::LocalEndpoint, error::Error,
    http_server::HttpServer, log::log_line, paths::Paths,
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
}

/// The functions, by the names of their crates.
type Functions = Arc<BTreeMap<String, LocalFunction>>;

impl Gateway {
    /// Serves functions with these configurations: at this address, or without one, where
    /// `cargo lambda invoke` finds them if that port is free. The recorder is told which of them
    /// can't be called.
    pub(crate) async fn start(
        paths: &Paths,
        configurations: Configurations,
        listen: Option<SocketAddr>,
        recorder: Recorder,
    ) -> Result<Self, Error> {
        let project = Project::of(paths);
        let code = || Code::Sources(project.clone());
        let functions = functions(&project.root, configurations, code);
        let server = match listen {
            Some(address) => HttpServer::listen(address).await?,
            None => listen_at_usual_port().await?,
        };
        let changes = build_changes(Arc::clone(&functions), project.sources, recorder.clone());
        let mut gateway = Self::serve(server, functions, recorder);
        gateway.tasks.spawn(changes);
        Ok(gateway)
    }

    /// Serves functions with these configurations, as built before in a folder of cargo-lambda.
    pub(super) async fn start_built(
        paths: &Paths,
        configurations: Configurations,
        folder: &Path,
        recorder: Recorder,
    ) -> Result<Self, Error> {
        let code = || Code::Built(folder.to_owned());
        let functions = functions(paths.service(), configurations, code);
        let server = HttpServer::listen(any_port()).await?;
        Ok(Self::serve(server, functions, recorder))
    }

    fn serve(server: HttpServer, functions: Functions, recorder: Recorder) -> Self {
        let endpoint = server.endpoint();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.serve(move |request| {
            let functions = Arc::clone(&functions);
            let recorder = recorder.clone();
            async move { Ok::<_, Infallible>(answer(&functions, &recorder, request).await) }
        }));
        Self { endpoint, tasks }
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
        self.tasks.join_next().await;
    }
}

/// Returns the functions with these configurations, and this code.
fn functions(
    directory: &Path,
    configurations: Configurations,
    code: impl Fn() -> Code,
) -> Functions {
    let functions = configurations.into_iter().map(|(name, configuration)| {
        let settings = Settings {
            name: name.clone(),
            directory: directory.to_owned(),
            variables: configuration.environment,
            timeout: configuration.timeout,
        };
        (name, LocalFunction::new(code(), settings))
    });
    Arc::new(functions.collect())
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Listens on the usual port, or on any free one if that is taken.
async fn listen_at_usual_port() -> Result<HttpServer, Error> {
    match HttpServer::listen((Ipv4Addr::LOCALHOST, USUAL_PORT).into()).await {
        Ok(server) => Ok(server),
        Err(error) => {
            log_line(
                "functions",
                format_args!("they have another port than {USUAL_PORT}, which is in use: {error}"),
            );
            HttpServer::listen(any_port()).await
        }
    }
}

/// Builds the functions in use whenever their sources change.
async fn build_changes(functions: Functions, sources: Sources, recorder: Recorder) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = sources.state();
    loop {
        ticks.tick().await;
        let now = sources.state();
        if now != known {
            known = now;
            for function in functions.values() {
                record(&recorder, function, function.refresh().await.as_ref());
            }
        }
    }
}

/// Records whether a function can be called.
fn record(recorder: &Recorder, function: &LocalFunction, result: Result<&(), &CallError>) {
    match result {
        Ok(()) => recorder.function_answered(&function.name),
        Err(error) => recorder.function_failed(&function.name, error.to_string()),
    }
}

async fn answer(
    functions: &Functions,
    recorder: &Recorder,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Some(call) = Call::of(parts.uri.path()) else {
        let mut response = Response::new(Full::from(
            "functions are called at /lambda-url/NAME/PATH, \
             or at /2015-03-31/functions/NAME/invocations\n",
        ));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let kind = call.kind();
    if kind == CallKind::Invoke && parts.method != Method::POST {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    let Some(function) = functions.get(call.function) else {
        let unknown = CallError::Unknown {
            name: call.function.to_owned(),
            functions: functions.keys().cloned().collect(),
        };
        return unknown.response(kind);
    };
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // The caller has disconnected and receives no response.
        Err(_) => return Response::default(),
    };
    let passed_on = call.pass_on(function, &parts, body).await;
    record(recorder, function, passed_on.as_ref().map(|_| &()));
    match passed_on {
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

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
struct Call<'p> {
    function: &'p str,
    /// The path on the API; `None` for an `Invoke`.
    path: Option<&'p str>,
}

impl<'p> Call<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/lambda-url/") {
            let end = rest.find('/').unwrap_or(rest.len());
            let (function, path) = rest.split_at(end);
            let path = Some(if path.is_empty() { "/" } else { path });
            return Some(Self { function, path });
        }
        let rest = path.strip_prefix("/2015-03-31/functions/")?;
        let function = rest.strip_suffix("/invocations")?;
        let path = None;
        Some(Self { function, path })
    }

    fn kind(&self) -> CallKind {
        match self.path {
            Some(_) => CallKind::Http,
            None => CallKind::Invoke,
        }
    }

    async fn pass_on(
        &self,
        function: &LocalFunction,
        parts: &request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, CallError> {
        let trace = parts.headers.get("x-amzn-trace-id").cloned();
        let Some(path) = self.path else {
            let payload = body;
            let payload = function.call(Invocation { payload, trace }).await?;
            return Ok(
                payload.map_or_else(function_error, |payload| Response::new(Full::from(payload)))
            );
        };
        let failed = |reason: String| CallError::Failed {
            name: function.name.clone(),
            reason,
        };
        let payload = http_event::event(parts, path, &body).to_string().into();
        let payload = function.call(Invocation { payload, trace }).await?;
        let payload = payload.map_err(|error| failed(String::from_utf8_lossy(&error).into()))?;
        http_event::response(&payload).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{Client, RequestBuilder};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::functions::test_project::{ANSWER, NAME, TestProject};

    /// A project with a function that answers, and its gateway.
    struct Served {
        project: TestProject,
        functions: Functions,
        gateway: Gateway,
        http: Client,
    }

    impl Served {
        async fn new() -> Self {
            let project = TestProject::new();
            project.write_main(&format!("{ANSWER} fn main() {{ loop {{ answer() }} }}"));
            let function = project.function();
            let functions = Arc::new(BTreeMap::from([(NAME.to_owned(), function)]));
            let server = HttpServer::listen(any_port()).await.unwrap();
            let gateway = Gateway::serve(server, Arc::clone(&functions), Recorder::default());
            let http = Client::builder().no_proxy().build().unwrap();
            Self {
                project,
                functions,
                gateway,
                http,
            }
        }

        fn invoke(&self, method: Method, payload: &'static str) -> RequestBuilder {
            let url = format!("{}{INVOKE}", self.gateway.endpoint());
            self.http.request(method, url).body(payload)
        }
    }

    const INVOKE: &str = "/2015-03-31/functions/answers/invocations";

    #[tokio::test]
    async fn a_web_page_cannot_invoke_a_function() {
        let served = Served::new().await;
        for (name, value) in [
            ("origin", "https://attacker.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("host", "attacker.example"),
        ] {
            let invoking = served.invoke(Method::POST, "planted").header(name, value);
            let invoked = invoking.send().await.unwrap();
            assert_eq!(invoked.status(), 403, "{name}: {value}");
            let url = format!("{}/lambda-url/{NAME}/planted", served.gateway.endpoint());
            let requested = served.http.post(url).header(name, value).send().await;
            assert_eq!(requested.unwrap().status(), 403, "{name}: {value}");
        }
        assert!(!served.project.is_built());
    }

    /// A page can send a `GET` without any of the rejected headers: as an image, for example, in
    /// a browser that doesn't send `Sec-Fetch-Site`.
    #[tokio::test]
    async fn only_post_invokes() {
        let served = Served::new().await;
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = served.invoke(method.clone(), "{}").send().await.unwrap();
            assert_eq!(answer.status(), 405, "{method}");
        }
        assert!(!served.project.is_built());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_whose_caller_has_gone_does_not_reach_the_function() {
        let served = Served::new().await;
        // As a build does, this keeps the calls waiting.
        let build = served.functions[NAME].latest.lock().await;
        let address = served.gateway.endpoint().address();
        let mut caller = TcpStream::connect(address).await.unwrap();
        let request =
            format!("POST {INVOKE} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 4\r\n\r\ngone");
        caller.write_all(request.as_bytes()).await.unwrap();
        caller.shutdown().await.unwrap();
        // The gateway has noticed it when it closes its end.
        let mut answer = Vec::new();
        caller.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"");
        drop(build);

        let stays = served.invoke(Method::POST, "stays").send().await.unwrap();
        assert_eq!(stays.text().await.unwrap(), "answered");
        assert_eq!(served.project.calls(), ["stays"]);
    }

    #[test]
    fn a_path_names_the_function_and_how_it_is_called() {
        let http = |function, path| Call {
            function,
            path: Some(path),
        };
        let invoke = |function| Call {
            function,
            path: None,
        };
        for (path, expected) in [
            (
                "/lambda-url/create-order/orders",
                Some(http("create-order", "/orders")),
            ),
            (
                "/lambda-url/get-order/orders/42/invocations",
                Some(http("get-order", "/orders/42/invocations")),
            ),
            ("/lambda-url/get-order", Some(http("get-order", "/"))),
            (
                "/2015-03-31/functions/publish-events/invocations",
                Some(invoke("publish-events")),
            ),
            ("/2015-03-31/functions/publish-events", None),
            ("/orders", None),
        ] {
            assert_eq!(Call::of(path), expected, "{path}");
        }
    }
}
