//! A project with one small function, for tests.

use std::{ffi::OsString, fs, process::Command, time::Duration};

use bytes::Bytes;
use tempfile::TempDir;

use super::{
    code::Code, environment::Settings, local_function::LocalFunction, project::Project,
    runtime_api::Invocation, sources::Sources,
};
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
/// `main` is left to the test: it calls `answer` for each call, or `next` and `respond`.
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
    fn next() -> String {
        let next = send("GET next", "");
        let (_, payload) = next.split_once("\r\n\r\n").unwrap();
        let mut calls = File::options().create(true).append(true).open("calls").unwrap();
        writeln!(calls, "{payload}").unwrap();
        let header = "lambda-runtime-aws-request-id: ";
        let id = next.lines().find_map(|line| line.strip_prefix(header));
        id.unwrap().to_owned()
    }
    fn respond(id: &str, answer: &str) { send(&format!("POST {id}/response"), answer); }
    fn answer() { respond(&next(), "answered") }
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
        self.function_with(Vec::new())
    }

    /// Returns the function with these variables.
    pub(super) fn function_with(&self, variables: Vec<(OsString, OsString)>) -> LocalFunction {
        self.function_built_in(build_environment(std::env::vars_os()), variables)
    }

    /// Returns the function, each build of which [`Self::builds`] counts.
    pub(super) fn function_that_counts_builds(&self) -> LocalFunction {
        let counting = self.0.path().join("counting");
        fs::create_dir(&counting).unwrap();
        let path = std::env::var("PATH").unwrap();
        let script = format!("#!/bin/sh\necho built >>builds\nPATH='{path}' exec cargo \"$@\"\n");
        // Not written by this process: a child that another test starts meanwhile would inherit
        // the open file, which can't be run as long as it is open.
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""])
            .arg(counting.join("cargo"))
            .arg(script)
            .status();
        assert!(written.unwrap().success());

        let mut environment = build_environment(std::env::vars_os());
        environment.retain(|(name, _)| name != "PATH");
        let path = format!("{}:{path}", counting.display());
        environment.push(("PATH".into(), path.into()));
        self.function_built_in(environment, Vec::new())
    }

    fn function_built_in(
        &self,
        mut environment: Vec<(OsString, OsString)>,
        variables: Vec<(OsString, OsString)>,
    ) -> LocalFunction {
        let root = self.0.path();
        environment.push(("CARGO_TARGET_DIR".into(), root.join("target").into()));
        environment.push(("CARGO_BUILD_BUILD_DIR".into(), root.join("target").into()));
        let project = Project {
            root: root.to_owned(),
            sources: self.sources(),
            environment,
        };
        let settings = Settings {
            name: NAME.to_owned(),
            directory: root.to_owned(),
            variables,
            timeout: Duration::from_mins(5),
        };
        LocalFunction::new(Code::Sources(project), settings)
    }

    /// Returns the payloads that the function has received.
    pub(super) fn calls(&self) -> Vec<String> {
        self.lines("calls")
    }

    /// Returns how often cargo was started for a function that counts it.
    pub(super) fn builds(&self) -> usize {
        self.lines("builds").len()
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let lines = fs::read_to_string(self.0.path().join(file)).unwrap_or_default();
        lines.lines().map(str::to_owned).collect()
    }

    /// Returns whether anything was built.
    pub(super) fn is_built(&self) -> bool {
        self.0.path().join("target").exists()
    }
}

pub(super) fn invocation(payload: &'static str) -> Invocation {
    Invocation {
        payload: Bytes::from_static(payload.as_bytes()),
        trace: None,
    }
}
