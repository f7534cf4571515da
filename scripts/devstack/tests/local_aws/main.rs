//! End-to-end tests on the local AWS: `make test-end-to-end` builds what they need and runs
//! them.
#![allow(clippy::unwrap_used)]

mod access;
mod activity;
mod another_service;
mod api_contract;
mod chaos;
mod commit_to_bus;
mod conformance;
mod lifecycle;
mod orders;
mod permissions;
mod raw_call;
mod relay_metrics;
mod row;
mod sweep;
mod web_pages;

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use hyper::header::{COOKIE, SET_COOKIE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A server in place of a real account. It is reached only if the user's credentials and
/// endpoints are not ignored.
struct ForeignEndpoint(TcpListener);

impl ForeignEndpoint {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Returns the environment of a user who works with a real account.
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

/// Returns the `outboxctl` that make has built.
fn outboxctl_of_make() -> PathBuf {
    scripts().join("../target/lambda/local/outboxctl/bootstrap")
}

fn order_for(customer: &str) -> Value {
    json!({
        "customerId": customer,
        "currency": "EUR",
        "items": [{"productId": "teapot", "quantity": 1, "unitPrice": 1950}],
    })
}

/// Returns the `devstack` that `make demo` and `make dev` run.
fn devstack_of_make() -> PathBuf {
    scripts().join("../target/lambda/local/devstack/bootstrap")
}

fn devstack(program: impl AsRef<OsStr>, listen: SocketAddr, foreign: &ForeignEndpoint) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--listen", &listen.to_string()])
        .envs(foreign.environment())
        .env(INHERITED, mark(listen))
        .stdin(Stdio::null());
    command
}

/// A variable that every process of the stack inherits.
const INHERITED: &str = "CI";

/// Returns the value of [`INHERITED`] that identifies the processes of one stack.
fn mark(listen: SocketAddr) -> String {
    format!("stack at {listen}")
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

fn processes_of(address: SocketAddr) -> Vec<String> {
    let command =
        |process: PathBuf| fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    folders_of_processes(address).map(command).collect()
}

/// Returns the folders in `/proc` of the processes of a stack. Where there is no `/proc`, none.
fn folders_of_processes(address: SocketAddr) -> impl Iterator<Item = PathBuf> {
    let mark = mark(address);
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(move |process| {
            fs::read(process.join("environ"))
                .is_ok_and(|environment| String::from_utf8_lossy(&environment).contains(&mark))
        })
}

#[test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
fn the_demo_succeeds_and_reaches_no_real_account() {
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let demo = devstack(devstack_of_make(), address, &foreign)
        .args(["demo", "--orders", "10"])
        .output()
        .unwrap();
    let said = text(&demo);
    assert!(demo.status.success(), "{said}");
    for row in [
        ("orders placed", "17"),
        ("orders cancelled", "1"),
        ("events delivered", "18"),
        ("lost", "0"),
        ("still pending", "0"),
        ("dead letters left", "0"),
        ("shipments started", "16"),
        ("shipments stopped", "1"),
    ] {
        assert!(
            said.lines().any(|line| is_row(line, row)),
            "no row {row:?}: {said}"
        );
    }
    assert!(!foreign.was_reached(), "a process used AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
}

fn is_row(line: &str, (name, count): (&str, &str)) -> bool {
    let mut cells = line
        .split(|border| !char::is_ascii(&border))
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    (cells.next(), cells.next()) == (Some(name), Some(count))
}

/// The id of the trace that the request belongs to.
const TRACE_ID: &str = "5759e988bd862e3fe1be46a994272793";

/// A running `make dev`; dropping it, as a failing test does, ends it and all that it started.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            interrupt(&self.0);
            self.0.wait().ok();
        }
    }
}

/// The log of a running `make dev`.
struct Log(mpsc::Receiver<String>);

impl Log {
    fn of(dev: &mut Child) -> Self {
        let (sender, receiver) = mpsc::channel();
        let lines = BufReader::new(dev.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        Self(receiver)
    }

    /// Waits for the next line that contains this text. It may take a build of the functions.
    fn next_with(&self, text: &str) -> String {
        self.next_with_each(&[&[text]]).remove(0)
    }

    /// Waits for a line for each of these sets of texts, in any order. A line matches if it
    /// contains all texts of the set.
    fn next_with_each(&self, wanted: &[&[&str]]) -> Vec<String> {
        let mut found = vec![None; wanted.len()];
        let mut passed = Vec::new();
        while found.contains(&None) {
            let line = self.0.recv_timeout(Duration::from_mins(5));
            let line = line.unwrap_or_else(|error| panic!("{error}, {wanted:?} in {passed:#?}"));
            let matches = |texts: &[&str]| texts.iter().all(|text| line.contains(text));
            let open = (0..wanted.len()).find(|n| found[*n].is_none() && matches(wanted[*n]));
            match open {
                Some(n) => found[n] = Some(line),
                None => passed.push(line),
            }
        }
        found.into_iter().flatten().collect()
    }
}

#[tokio::test]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn make_dev_handles_orders_and_faults_and_ends_completely() {
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let run = |arguments: &[&str]| {
        let mut command = devstack(devstack_of_make(), address, &foreign);
        command.args(arguments).output().unwrap()
    };
    let dev = devstack(devstack_of_make(), address, &foreign)
        .arg("dev")
        .stdout(Stdio::piped())
        .spawn();
    let mut dev = Dev(dev.unwrap());
    let log = Log::of(&mut dev.0);
    let console = log.next_with("/?token=");
    let curl = log.next_with("/lambda-url/create-order/orders");
    log.next_with("Ctrl-C");
    let shown = shown_by_console(console.trim()).await;
    // Only the local stack has them.
    assert!(shown.contains("/batches"), "{shown}");
    assert!(shown.contains("/try/orders"), "{shown}");

    let second = run(&["dev"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second).contains("make dev is running already"));
    let added = text(&run(&[
        "fault",
        "add",
        "PutEvents",
        "cut-after",
        "--count",
        "1",
    ]));
    assert_eq!(
        added.trim(),
        "1: PutEvents is cut off after its effect, 1 more times (hit 0 so far)"
    );

    let url = curl
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(url.unwrap()).json(&order_for("customer-7"));
    let request = request.header("traceparent", format!("00-{TRACE_ID}-53995c3f42cd8ad8-01"));
    let placed = request.send().await.unwrap();
    assert_eq!(placed.status(), 201);
    let order: Value = placed.json().await.unwrap();
    let id = order["id"].as_str().unwrap();
    let event = format!("OrderCreated of order#{id} is on the bus");
    log.next_with_each(&[
        &[&event],
        &[&event, "again"],
        // One trace, from the request to the shipment.
        &[TRACE_ID, "order placed", id],
        &[TRACE_ID, "event handled", id, "Started"],
        &[TRACE_ID, "event was handled before", id],
    ]);

    let functions = curl.split_whitespace().find_map(|word| {
        let (functions, _) = word.split_once("/create-order")?;
        Some(functions)
    });
    let functions = functions.unwrap();
    let cancelling = http.post(format!("{functions}/cancel-order/orders/{id}/cancel"));
    assert_eq!(cancelling.send().await.unwrap().status(), 200);
    log.next_with_each(&[
        &[&format!("OrderCancelled of order#{id} is on the bus")],
        &["event handled", id, "Stopped"],
    ]);
    let getting = http.get(format!("{functions}/get-order/orders/{id}"));
    let found: Value = getting.send().await.unwrap().json().await.unwrap();
    assert_eq!(found["status"], "cancelled");
    assert_eq!(text(&run(&["fault", "list"])).trim(), "no faults");

    let create_order = format!("{functions}/create-order/orders");
    a_poison_event_is_parked_until_it_is_edited(&run, &log, &create_order).await;
    let endpoint = text(&run(&["endpoint"]));
    web_pages::reach_nothing(address, endpoint.trim()).await;
    assert_eq!(text(&run(&["fault", "list"])).trim(), "no faults");

    interrupt(&dev.0);
    assert_eq!(dev.0.wait().unwrap().code(), Some(130));
    assert!(!foreign.was_reached(), "a process used AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
    let after = run(&["fault", "list"]);
    assert!(text(&after).contains("no stack is running"));
}

/// Visits the console as a browser does that is given its address, and returns the page.
async fn shown_by_console(address: &str) -> String {
    let stays = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().no_proxy().redirect(stays);
    let http = http.build().unwrap();
    let first = http.get(address).send().await.unwrap();
    assert!(first.status().is_redirection(), "{}", first.status());
    let cookie = first.headers()[SET_COOKIE].to_str().unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let (page, _) = address.split_once('?').unwrap();
    let shown = http.get(page).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    shown.text().await.unwrap()
}

async fn a_poison_event_is_parked_until_it_is_edited(
    run: &impl Fn(&[&str]) -> Output,
    log: &Log,
    create_order: &str,
) {
    run(&["fault", "add", "TransactWriteItems", "poison", "--count=1"]);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(create_order).json(&order_for("customer-8"));
    let order: Value = request.send().await.unwrap().json().await.unwrap();
    let id = order["id"].as_str().unwrap();
    log.next_with_each(&[&["publish-events", "ERROR parked", "MalformedDetail"]]);

    let endpoint = text(&run(&["endpoint"]));
    let outboxctl = |arguments: &[&str]| {
        let command = Command::new(outboxctl_of_make())
            .args(["--env", "local"])
            .args(arguments)
            // Adds the missing brace at the end.
            .env("EDITOR", "sed -i -e $s/$/}/")
            .env("AWS_ENDPOINT_URL", endpoint.trim())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "eu-central-1")
            .output();
        text(&command.unwrap())
    };
    let row = format!("order#{id}/1");
    let parked = outboxctl(&["parked"]);
    assert!(parked.contains(&row), "{parked}");
    let edited = outboxctl(&["edit", &row]);
    assert!(edited.contains("published"), "{edited}");
    log.next_with_each(&[
        &[&format!("OrderCreated of order#{id} is on the bus")],
        &["event handled", id, "Started"],
    ]);
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
}

#[test]
fn an_address_that_other_machines_can_reach_is_rejected() {
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
fn a_project_copied_after_its_build_uses_its_own_folder() {
    let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mark = copy.path().join("scripts/devstack/Cargo.toml");
    fs::create_dir_all(mark.parent().unwrap()).unwrap();
    fs::write(mark, "").unwrap();
    let program = copy.path().join("target/lambda/local/devstack/bootstrap");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::hard_link(env!("CARGO_BIN_EXE_devstack"), &program).unwrap();

    let endpoint = Command::new(program).arg("endpoint").output().unwrap();
    assert!(text(&endpoint).contains("no stack is running"));
    assert!(copy.path().join("target/devstack/running.json").exists());
}

#[test]
fn without_aws_hides_the_account() {
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
