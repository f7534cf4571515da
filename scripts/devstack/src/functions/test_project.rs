//! A project with one small function, for tests.

use std::{fs, time::Duration};

use tempfile::TempDir;
use tokio::sync::Mutex;

use super::{local_function::LocalFunction, project::Project, sources::Sources};
use crate::process_environment::build_environment;

pub(super) const NAME: &str = "answers";

const MANIFEST: &str = r#"
    [package]
    name = "answers"
    edition = "2024"
    [[bin]]
    name = "answers"
    path = "lambdas/main.rs"
    [workspace]
"#;

/// The smallest function that answers calls. It adds the payload of each to the file `calls`.
/// `main` is left to the test.
pub(super) const ANSWER: &str = r#"
    use std::{env, fs::File, io::{Read, Write}, net::TcpStream};
    fn send(request: &str, body: &str) -> String {
        let address = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
        let (method, rest) = request.split_once(' ').unwrap();
        let mut stream = TcpStream::connect(&address).unwrap();
        let length = body.len();
        write!(stream, "{method} /2018-06-01/runtime/invocation/{rest} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
    fn answer() {
        let next = send("GET next", "");
        let (_, payload) = next.split_once("\r\n\r\n").unwrap();
        let mut calls = File::options().create(true).append(true).open("calls").unwrap();
        writeln!(calls, "{payload}").unwrap();
        let header = "lambda-runtime-aws-request-id: ";
        let id = next.lines().find_map(|line| line.strip_prefix(header)).unwrap();
        send(&format!("POST {id}/response"), "answered");
    }
"#;

/// A folder with the sources of the function. Dropping it deletes them.
pub(super) struct TestProject(TempDir);

impl TestProject {
    /// Creates a project. Its function doesn't compile before [`Self::write_main`].
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), MANIFEST).unwrap();
        fs::create_dir(folder.path().join("lambdas")).unwrap();
        Self(folder)
    }

    pub(super) fn write_main(&self, source: &str) {
        fs::write(self.0.path().join("lambdas/main.rs"), source).unwrap();
    }

    pub(super) fn sources(&self) -> Sources {
        Sources::new(self.0.path())
    }

    pub(super) fn function(&self) -> LocalFunction {
        let root = self.0.path();
        let mut environment = build_environment(std::env::vars_os());
        environment.push(("CARGO_TARGET_DIR".into(), root.join("target").into()));
        environment.push(("CARGO_BUILD_BUILD_DIR".into(), root.join("target").into()));
        LocalFunction {
            name: NAME.to_owned(),
            project: Project {
                root: root.to_owned(),
                sources: self.sources(),
                environment,
            },
            environment: Vec::new(),
            timeout: Duration::from_mins(5),
            state: Mutex::default(),
        }
    }

    /// Returns the payloads that the function has received.
    pub(super) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.0.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Returns whether anything was built.
    pub(super) fn is_built(&self) -> bool {
        self.0.path().join("target").exists()
    }
}
