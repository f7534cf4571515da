//! The whole product on the local AWS: `make test-end-to-end` builds what these
//! tests need and runs them.
#![allow(clippy::unwrap_used)]

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where a person's credentials would lead, were they not ignored: it counts
/// who comes.
struct ForeignEndpoint(TcpListener);

impl ForeignEndpoint {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// The environment of somebody who works on a real account.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://{}", self.0.local_addr().unwrap());
        let mut environment = vec![
            ("AWS_PROFILE", "production".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            (
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            ),
            ("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("CDK_DEFAULT_ACCOUNT", "123456789012".to_owned()),
        ];
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_DYNAMODB",
            "AWS_ENDPOINT_URL_EVENTBRIDGE",
            "AWS_ENDPOINT_URL_SQS",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
        ] {
            environment.push((name, url.clone()));
        }
        environment
    }

    fn was_reached(&self) -> bool {
        self.0.accept().is_ok()
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn scripts() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The program that `make demo` and `make up` run.
fn devstack_of_make() -> PathBuf {
    scripts().join("../target/lambda/local/devstack/bootstrap")
}

fn devstack(program: impl AsRef<OsStr>, listen: SocketAddr, foreign: &ForeignEndpoint) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--listen", &listen.to_string()])
        .envs(foreign.environment())
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn assert_nothing_runs(address: SocketAddr) {
    assert!(
        TcpStream::connect(address).is_err(),
        "{address} still answers"
    );
    assert_eq!(processes_of(address), Vec::<String>::new());
}

/// The emulator and its functions all know where the emulator answers.
#[cfg(target_os = "linux")]
fn processes_of(address: SocketAddr) -> Vec<String> {
    let endpoint = address.to_string();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .filter(|process| {
            fs::read(process.path().join("environ"))
                .is_ok_and(|environment| String::from_utf8_lossy(&environment).contains(&endpoint))
        })
        .map(|process| fs::read_to_string(process.path().join("cmdline")).unwrap_or_default())
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn processes_of(_: SocketAddr) -> Vec<String> {
    Vec::new()
}

#[test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
fn every_order_arrives_and_no_real_account_is_touched() {
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let demo = devstack(devstack_of_make(), address, &foreign)
        .args(["demo", "--orders", "10"])
        .output()
        .unwrap();
    let said = text(&demo);
    assert!(demo.status.success(), "{said}");
    for row in [
        ("orders committed", "15"),
        ("events delivered", "15"),
        ("lost", "0"),
        ("still pending", "0"),
    ] {
        assert!(
            said.lines().any(|line| is_row(line, row)),
            "no row {row:?}: {said}"
        );
    }
    assert!(!foreign.was_reached(), "somebody followed AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
}

fn is_row(line: &str, (name, count): (&str, &str)) -> bool {
    let mut cells = line
        .split(|border| !char::is_ascii(&border))
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    (cells.next(), cells.next()) == (Some(name), Some(count))
}

#[test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
fn a_stack_that_is_interrupted_leaves_nothing_running() {
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let mut up = devstack(devstack_of_make(), address, &foreign)
        .arg("up")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(up.stdout.take().unwrap());
    let ready = stdout
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("Ctrl-C"));
    assert!(ready, "it ended with {:?}", up.wait());

    interrupt(&up);
    assert_eq!(up.wait().unwrap().code(), Some(130));
    assert!(!foreign.was_reached(), "somebody followed AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.7:4566"] {
        let foreign = ForeignEndpoint::open();
        let program = env!("CARGO_BIN_EXE_devstack");
        let demo = devstack(program, address.parse().unwrap(), &foreign)
            .arg("demo")
            .output()
            .unwrap();
        assert_eq!(demo.status.code(), Some(1), "{address}");
        let said = text(&demo);
        assert!(said.contains("is not a loopback address"), "{said}");
        assert!(said.contains("use 127.0.0.1"), "{said}");
    }
}

#[test]
fn commands_run_without_aws_know_no_account() {
    let foreign = ForeignEndpoint::open();
    let mut command = Command::new(scripts().join("without-aws"));
    let output = command
        .arg("env")
        .envs(foreign.environment())
        .output()
        .unwrap();
    let mut about_aws: Vec<String> = text(&output)
        .lines()
        .filter(|line| line.starts_with("AWS") || line.starts_with("CDK"))
        .map(str::to_owned)
        .collect();
    about_aws.sort();
    assert_eq!(
        about_aws,
        [
            "AWS_ACCESS_KEY_ID=test",
            "AWS_CONFIG_FILE=/dev/null",
            "AWS_EC2_METADATA_DISABLED=true",
            "AWS_ENDPOINT_URL=http://127.0.0.1:9",
            "AWS_REGION=eu-central-1",
            "AWS_SECRET_ACCESS_KEY=test",
            "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
        ]
    );
}
