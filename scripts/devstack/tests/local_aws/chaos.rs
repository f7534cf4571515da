//! Every event arrives even though functions are killed, the bus rejects some entries, and
//! connections are cut after calls took effect.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::Select;
use devstack::{Fault, Functions, Kind, LocalEndpoint, Mappings, Paths, Stack, Subscriber};
use rustix::process::{Pid, Signal, kill_process};

use crate::orders::place;

/// The default number of orders; the variable `ORDERS` overrides it.
const ORDERS: usize = 60;

/// The timeout after the faults are cleared: a shard may wait a minute for its next retry.
const PATIENCE: Duration = Duration::from_mins(3);

/// Kills a random process of the stack's functions every 50 to 400 ms, until `stop` is set.
fn kill_functions(endpoint: LocalEndpoint, stop: &AtomicBool, kills: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..400)));
        let processes = functions_of(endpoint);
        if let Some(process) = fastrand::choice(processes)
            && kill_process(process, Signal::KILL).is_ok()
        {
            kills.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the functions' processes: programs named `bootstrap` that call this endpoint.
#[cfg(target_os = "linux")]
fn functions_of(endpoint: LocalEndpoint) -> Vec<Pid> {
    let mark = format!("AWS_ENDPOINT_URL={endpoint}\0");
    let is_function = |path: &std::path::Path| {
        let read = |name| fs::read(path.join(name)).unwrap_or_default();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        text(read("environ")).contains(&mark) && text(read("cmdline")).contains("bootstrap")
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter(|process| is_function(&process.path()))
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn functions_of(_: LocalEndpoint) -> Vec<Pid> {
    Vec::new()
}

fn add_faults(stack: &Stack) {
    for (action, kind, probability) in [
        ("PutEvents", Kind::Partial, 0.3),
        ("PutEvents", Kind::CutAfter, 0.1),
        ("BatchWriteItem", Kind::CutAfter, 0.2),
        ("BatchWriteItem", Kind::Partial, 0.2),
        ("BatchGetItem", Kind::Throttle, 0.2),
        ("TransactWriteItems", Kind::CutAfter, 0.1),
    ] {
        let fault = Fault {
            action: action.to_owned(),
            kind,
            probability,
            count: None,
        };
        stack.faults.rules().add(fault).unwrap();
    }
}

async fn pending(stack: &Stack) -> i32 {
    let scan = stack.clients.dynamodb.scan();
    let scan = scan.table_name(&stack.deployment.outbox_table);
    let counted = scan.consistent_read(true).select(Select::Count).send();
    counted.await.unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn every_event_arrives_despite_kills_and_failing_calls() {
    let orders = std::env::var("ORDERS").map_or(ORDERS, |orders| orders.parse().unwrap());
    let address = ([127, 0, 0, 1], 0).into();
    let stack = Stack::start(&Paths::of_this_project().unwrap(), address)
        .await
        .unwrap();
    let subscribing = Subscriber::subscribe(&stack.clients, &stack.deployment);
    let mut subscriber = subscribing.await.unwrap();
    let (clients, deployment) = (&stack.clients, &stack.deployment);
    let functions = Functions::Deployed;
    let observer = Arc::new(|_: &_| {});
    let mapping = Mappings::take_over(clients, deployment, &functions, |_| {}, observer);
    let _mapping = mapping.await.unwrap();

    add_faults(&stack);
    let (stop, kills) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let killer = {
        let (endpoint, stop, kills) = (
            stack.faults.endpoint(),
            Arc::clone(&stop),
            Arc::clone(&kills),
        );
        std::thread::spawn(move || kill_functions(endpoint, &stop, &kills))
    };
    let http = reqwest::Client::builder().no_proxy();
    let http = http.timeout(Duration::from_secs(20)).build().unwrap();
    let mut placed = BTreeSet::new();
    for number in 0..orders {
        placed.insert(place(&stack, &http, number).await);
    }
    stop.store(true, Ordering::Relaxed);
    killer.join().unwrap();
    let hits: u32 = stack
        .faults
        .rules()
        .list()
        .iter()
        .map(|fault| fault.hits)
        .sum();
    stack.faults.rules().clear(None);

    let give_up_at = Instant::now() + PATIENCE;
    loop {
        subscriber.receive().await.unwrap();
        let arrived: BTreeSet<&String> = subscriber
            .events
            .values()
            .map(|event| &event.subject)
            .collect();
        let has_arrived = |id: &&String| arrived.contains(&format!("order#{id}"));
        let missing = placed.iter().filter(|id| !has_arrived(id)).count();
        if missing == 0 && pending(&stack).await == 0 {
            break;
        }
        let in_time = Instant::now() < give_up_at;
        assert!(in_time, "{missing} of {orders} events are missing");
    }
    let kills = kills.load(Ordering::Relaxed);
    let twice = subscriber.events.values().filter(|event| event.times > 1);
    println!(
        "{orders} orders, {kills} functions killed, {hits} calls hit by faults: every event arrived, {} more than once",
        twice.count()
    );
    assert!(hits > 0, "no call was hit by a fault");
    assert!(
        kills > 0 || cfg!(not(target_os = "linux")),
        "no function was killed"
    );
    stack.stop().await.unwrap();
}
