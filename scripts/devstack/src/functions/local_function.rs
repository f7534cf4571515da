//! A function that runs outside of the emulator, as a process.

use std::{ffi::OsString, path::PathBuf, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, http::request};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::{
    build::build,
    call_error::CallError,
    process::{Process, Program},
    project::Project,
    runtime_api::RuntimeApiClient,
    sources::SourcesState,
};
use crate::log::log_line;

/// How long a function may take to answer. Longer than on AWS: it is not optimized, and may
/// be stopped in a debugger.
const CALL_TIMEOUT: Duration = Duration::from_mins(5);

/// How long to wait for the response of a function whose process has already ended.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A function of the project, built from its current sources and run as a process.
pub(super) struct LocalFunction {
    /// The name of its crate.
    pub(super) name: String,
    pub(super) project: Project,
    /// The environment of its process.
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) runtime_api: RuntimeApiClient,
    /// Locked during a call: a function handles one call at a time, and is not replaced
    /// during it.
    pub(super) state: Mutex<State>,
}

/// The last build of a function, and its process.
#[derive(Default)]
pub(super) struct State {
    built: Option<Built>,
    process: Option<Process>,
}

/// The result of the last build.
struct Built {
    /// The sources that were built.
    from: SourcesState,
    program: Result<PathBuf, CallError>,
}

impl LocalFunction {
    /// Calls the function, and returns its response. Builds and starts it first if needed.
    pub(super) async fn call(
        &self,
        parts: request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, CallError> {
        let mut state = self.state.lock().await;
        let process = self.ready(&mut state).await?;
        let mut answer = pin!(self.runtime_api.call(parts, body));
        let failed = tokio::select! {
            answer = &mut answer => return answer,
            status = process.ended() => self.ended(status),
            () = sleep(CALL_TIMEOUT) => self.timed_out(),
        };
        state.process = None;
        if let Ok(answer) = timeout(LAST_ANSWER_TIMEOUT, answer).await {
            return answer;
        }
        // Otherwise the next process would receive this call, although its caller has already
        // received an error.
        self.runtime_api.take_back(&self.name).await;
        Err(failed)
    }

    /// Builds the function if it was called before and its sources have changed since, so
    /// that compiler errors appear as soon as a file is saved.
    pub(super) async fn refresh(&self) {
        let mut state = self.state.lock().await;
        if state.built.is_some() {
            // An error is in the log, and the next caller receives it, too.
            let _ = self.ready(&mut state).await;
        }
    }

    /// Returns a process that runs the function as built from its current sources.
    async fn ready<'s>(&self, state: &'s mut State) -> Result<&'s mut Process, CallError> {
        let now = self.project.sources.state();
        let built = match state.built.take().filter(|built| built.from == now) {
            Some(built) => built,
            None => Built {
                from: now,
                program: build(&self.project, &self.name).await,
            },
        };
        let path = state.built.insert(built).program.clone()?;
        let not_started = |error: std::io::Error| self.not_started(error.to_string());
        let program = Program::at(&path).map_err(not_started)?;
        let mut running = state.process.take();
        let process = match running.take_if(|running| running.runs(&program)) {
            Some(process) => process,
            None => self.start(running, program)?,
        };
        Ok(state.process.insert(process))
    }

    /// Starts the program. Takes the process before by value: it ends here, before the new
    /// one asks for work.
    fn start(&self, before: Option<Process>, program: Program) -> Result<Process, CallError> {
        let is_changed = before.is_some_and(|before| !before.is_of(&program));
        let process = Process::start(&self.name, program, &self.environment, &self.project.root)
            .map_err(|error| self.not_started(error.to_string()))?;
        if is_changed {
            log_line(&self.name, "runs the changed code");
        }
        Ok(process)
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

    fn ended(&self, status: String) -> CallError {
        CallError::Ended {
            name: self.name.clone(),
            status,
        }
    }

    fn timed_out(&self) -> CallError {
        CallError::TimedOut {
            name: self.name.clone(),
            seconds: CALL_TIMEOUT.as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::SocketAddr, path::Path, sync::Arc};

    use axum::{
        Router,
        body::Bytes as Body,
        extract::State as Shared,
        routing::{any, get, post},
    };
    use http_body_util::BodyExt;
    use hyper::Request;
    use serde_json::Value;
    use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

    use super::*;
    use crate::{
        endpoint::LocalEndpoint,
        functions::{call_error::CallKind, runtime_api::RuntimeApiClient, sources::Sources},
        process_environment::build_environment,
    };

    const NAME: &str = "answers";

    const MANIFEST: &str = r#"
        [package]
        name = "answers"
        edition = "2024"
        [[bin]]
        name = "answers"
        path = "lambdas/main.rs"
        [workspace]
    "#;

    /// The smallest function that answers calls. `main` is left to the test.
    const ANSWER: &str = r#"
        use std::{env, io::{Read, Write}, net::TcpStream};
        fn send(request: &str, body: &str) -> String {
            let api = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
            let (address, path) = api.strip_prefix("http://").unwrap().split_once('/').unwrap();
            let (method, rest) = request.split_once(' ').unwrap();
            let mut stream = TcpStream::connect(address).unwrap();
            let length = body.len();
            write!(stream, "{method} /{path}/2018-06-01/runtime/invocation/{rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        }
        fn answer() {
            send("GET next", "");
            send("POST 1/response", "answered");
        }
    "#;

    /// A stub of Lambda's API for one function: queued calls, and callers.
    #[derive(Default)]
    struct Calls {
        waiting: AsyncMutex<Option<mpsc::UnboundedReceiver<oneshot::Sender<Body>>>>,
        taken: AsyncMutex<Option<oneshot::Sender<Body>>>,
    }

    async fn runtime_api() -> (RuntimeApiClient, Arc<Calls>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let calls = Arc::new(Calls::default());
        *calls.waiting.lock().await = Some(receiver);
        let call = async move || {
            let (caller, answer) = oneshot::channel();
            sender.send(caller).unwrap();
            answer.await.unwrap_or_default()
        };
        let next = async |Shared(calls): Shared<Arc<Calls>>| {
            let mut waiting = calls.waiting.lock().await;
            let caller = waiting.as_mut().unwrap().recv().await;
            *calls.taken.lock().await = caller;
        };
        let respond = async |Shared(calls): Shared<Arc<Calls>>, body: Body| {
            let caller = calls.taken.lock().await.take();
            caller.unwrap().send(body).unwrap();
        };
        let api = format!("/.rt/{NAME}/2018-06-01/runtime/invocation");
        let router = Router::new()
            .route("/lambda-url/{name}/orders", any(call))
            .route(&format!("{api}/next"), get(next))
            .route(&format!("{api}/1/response"), post(respond))
            .with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let endpoint = LocalEndpoint::new(listener.local_addr().unwrap()).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (RuntimeApiClient::of(endpoint), calls)
    }

    fn function(root: &Path, runtime_api: RuntimeApiClient) -> LocalFunction {
        let mut environment = build_environment(std::env::vars_os());
        environment.push(("CARGO_TARGET_DIR".into(), root.join("target").into()));
        LocalFunction {
            name: NAME.to_owned(),
            project: Project {
                root: root.to_owned(),
                sources: Sources::new(root),
                environment,
            },
            environment: vec![(
                "AWS_LAMBDA_RUNTIME_API".into(),
                runtime_api.of_function(NAME).into(),
            )],
            runtime_api,
            state: Mutex::default(),
        }
    }

    async fn call(function: &LocalFunction) -> (u16, Vec<u8>) {
        let request = Request::post(format!("/lambda-url/{NAME}/orders"));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let answer = match function.call(parts, Bytes::new()).await {
            Ok(answer) => answer,
            Err(error) => error.response(CallKind::Http),
        };
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, body.into())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_run_the_current_sources_or_return_why_not() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        fs::write(root.join("Cargo.toml"), MANIFEST).unwrap();
        fs::create_dir(root.join("lambdas")).unwrap();
        let main = root.join("lambdas/main.rs");
        let (runtime_api, calls) = runtime_api().await;
        let function = function(root, runtime_api);
        let detail = |body: &[u8]| {
            let problem: Value = serde_json::from_slice(body).unwrap();
            problem["detail"].as_str().unwrap().to_owned()
        };

        fs::write(&main, "fn main() { missing() }").unwrap();
        for _ in 0..2 {
            let (status, body) = call(&function).await;
            assert_eq!(status, 503);
            let detail = detail(&body);
            assert!(detail.contains("answers does not compile"), "{detail}");
            assert!(
                detail.contains("cannot find function `missing`"),
                "{detail}"
            );
            assert!(detail.contains("lambdas/main.rs:1:13"), "{detail}");
        }

        fs::write(&main, "fn main() { std::process::exit(7) }").unwrap();
        for _ in 0..2 {
            let (status, body) = call(&function).await;
            assert_eq!(status, 502);
            let detail = detail(&body);
            assert!(detail.contains("ended (exit status: 7)"), "{detail}");
        }
        // Failed calls are not delivered to a later process.
        assert!(calls.waiting.lock().await.as_mut().unwrap().is_empty());

        // The response counts even if the process has ended when it arrives.
        fs::write(&main, format!("{ANSWER} fn main() {{ answer() }}")).unwrap();
        assert_eq!(call(&function).await, (200, b"answered".to_vec()));

        let serves = format!("{ANSWER} fn main() {{ loop {{ answer() }} }}");
        fs::write(&main, serves).unwrap();
        for _ in 0..2 {
            assert_eq!(call(&function).await, (200, b"answered".to_vec()));
        }
    }
}
