//! What a page in the developer's browser can do to a running stack: nothing.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path, process::Stdio, time::Duration};

use devstack::{Clients, LocalEndpoint};
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HOST, ORIGIN};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::{
    Dev, ForeignEndpoint, Log, assert_nothing_runs, devstack, devstack_of_make,
    folders_of_processes, free_address, interrupt, order_for, scripts,
};

/// Sends what a hostile page may send to each socket that the stack listens on, and checks that
/// it is rejected and has no effect. `endpoint` is the address of the local AWS.
pub(crate) async fn reach_nothing(stack: SocketAddr, endpoint: &str) {
    if cfg!(not(target_os = "linux")) {
        eprintln!("the sockets of a process are found only on Linux: web pages are not tried");
        return;
    }
    let address = endpoint.trim_start_matches("http://").parse().unwrap();
    let clients = Clients::new(LocalEndpoint::new(address).unwrap());
    // A function that runs in the emulator has a Runtime API there.
    let functions = function_names(&clients).await;
    let get_order = functions.iter().find(|name| name.contains("GetOrder"));
    let invoking = clients.lambda.invoke().function_name(get_order.unwrap());
    invoking.send().await.unwrap();
    let rows = number_of_rows(&clients).await;

    // The emulator, a function in it, the fault proxy, the functions, the Runtime APIs of those
    // that were called, and the console.
    are_rejected_by_each_socket(stack, 7).await;
    assert_eq!(function_names(&clients).await, functions);
    assert_eq!(number_of_rows(&clients).await, rows);
}

#[tokio::test]
#[ignore = "needs the functions: make test-end-to-end"]
async fn make_watch_serves_functions_to_programs_alone() {
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let watch = devstack(devstack_of_make(), address, &foreign)
        .arg("watch")
        .stdout(Stdio::piped())
        .spawn();
    let mut watch = Dev(watch.unwrap());
    let log = Log::of(&mut watch.0);
    log.next_with("Ctrl-C");

    let url = format!("http://{address}/2015-03-31/functions/get-order/invocations");
    let event = fs::read(scripts().join("../samples/get-order.json")).unwrap();
    let http = Client::builder().no_proxy().build().unwrap();
    let invoked = http.post(&url).body(event).send().await.unwrap();
    assert_eq!(invoked.status(), 200);
    // There is no AWS that could have the order.
    let response: Value = invoked.json().await.unwrap();
    assert_eq!(response["statusCode"], 503, "{response}");
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);

    if cfg!(target_os = "linux") {
        // The functions, and the Runtime API of the one that was called.
        are_rejected_by_each_socket(address, 2).await;
    }
    interrupt(&watch.0);
    assert_eq!(watch.0.wait().unwrap().code(), Some(130));
    assert!(!foreign.was_reached(), "a process used AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
}

/// Sends hostile requests to each socket that the processes of a stack listen on.
async fn are_rejected_by_each_socket(stack: SocketAddr, at_least: usize) {
    // An accepted poll of a Runtime API would wait for ever.
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(5));
    let http = http.build().unwrap();
    let sockets = listening(stack);
    assert!(sockets.len() >= at_least, "{sockets:?}");
    for port in sockets {
        for request in hostile_requests(&http, port) {
            let request = request.build().unwrap();
            let what = format!("{request:?}");
            let response = http.execute(request).await.unwrap();
            assert_eq!(response.status(), 403, "{what}");
            let headers = response.headers();
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{what}");
        }
    }
}

/// Returns requests of a page of another site, to each path at which they would have an effect.
fn hostile_requests(http: &Client, port: u16) -> Vec<RequestBuilder> {
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let function = r#"{"FunctionName":"planted","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/planted","Handler":"index.handler","Code":{"ZipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#;
    let order = order_for("planted").to_string();
    let fault = r#"{"operation":"PutEvents","kind":"throttle"}"#.to_owned();
    let targets = [
        (Method::POST, "/2015-03-31/functions", function.to_owned()),
        (Method::POST, "/lambda-url/create-order/orders", order),
        (
            Method::POST,
            "/2015-03-31/functions/get-order/invocations",
            "{}".to_owned(),
        ),
        (Method::POST, "/_faults", fault),
        (Method::DELETE, "/_faults", String::new()),
        (Method::GET, "/_activity", String::new()),
        (Method::POST, "/_try/orders", r#"{"count":1}"#.to_owned()),
        (Method::POST, "/_try/damage", String::new()),
        (Method::POST, "/_ministack/reset", String::new()),
        (
            Method::GET,
            "/2018-06-01/runtime/invocation/next",
            String::new(),
        ),
        (Method::OPTIONS, "/", String::new()),
        (Method::GET, "/", String::new()),
    ];
    let mut requests = Vec::new();
    for (method, path, body) in targets {
        for (name, value) in [
            (ORIGIN.as_str(), "https://attacker.example"),
            (ORIGIN.as_str(), "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            // A name of the attacker's that leads to this machine.
            (HOST.as_str(), "attacker.example"),
        ] {
            // A content type that needs no permission.
            let request = http.request(method.clone(), url(path));
            let request = request
                .header("content-type", "text/plain")
                .body(body.clone());
            requests.push(request.header(name, value));
        }
    }
    let socket = http.get(url("/")).header("connection", "upgrade");
    let socket = socket.header("upgrade", "websocket");
    let socket = socket.header("sec-websocket-version", "13");
    let socket = socket.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    requests.push(socket.header(ORIGIN, "https://attacker.example"));
    requests
}

async fn function_names(clients: &Clients) -> BTreeSet<String> {
    let found = clients.lambda.list_functions().send().await.unwrap();
    let functions = found.functions.unwrap_or_default();
    functions
        .into_iter()
        .filter_map(|function| function.function_name)
        .collect()
}

async fn number_of_rows(clients: &Clients) -> i32 {
    let tables = clients.dynamodb.list_tables().send().await.unwrap();
    let mut rows = 0;
    for table in tables.table_names() {
        let scanned = clients.dynamodb.scan().table_name(table).send().await;
        rows += scanned.unwrap().count();
    }
    rows
}

/// Returns the ports that the processes of a stack listen on. All are on loopback.
fn listening(stack: SocketAddr) -> BTreeSet<u16> {
    let sockets: BTreeSet<String> = folders_of_processes(stack)
        .flat_map(|process| sockets_of(&process))
        .collect();
    let mut ports = BTreeSet::new();
    for (file, loopback) in [
        ("/proc/net/tcp", "0100007F"),
        ("/proc/net/tcp6", "00000000000000000000000001000000"),
    ] {
        for line in fs::read_to_string(file).unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = fields[1].split_once(':').unwrap();
            let listens = fields[3] == "0A";
            if listens && sockets.contains(fields[9]) {
                assert_eq!(address, loopback, "other machines can reach it: {line}");
                ports.insert(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

/// Returns the inodes of a process's sockets.
fn sockets_of(process: &Path) -> Vec<String> {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok())
        .filter_map(|target| {
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect()
}
