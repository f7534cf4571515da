//! Measures the time from an event's commit to the bus, without faults.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use devstack::{Call, Functions, Mappings, Paths, Stack};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::orders::place;

/// The number of orders.
const ORDERS: usize = 600;

/// The time between two orders.
const PAUSE: Duration = Duration::from_millis(100);

/// Orders before the measurement, so that functions are warm and connections open.
const WARM_UP: usize = 30;

/// The timeout of the last events.
const PATIENCE: Duration = Duration::from_secs(30);

/// When each event was committed, and when the bus accepted it.
#[derive(Default)]
struct Times {
    committed: HashMap<String, tokio::time::Instant>,
    published: HashMap<String, tokio::time::Instant>,
}

impl Times {
    fn note(&mut self, call: &Call) {
        let request: Value = serde_json::from_slice(&call.request).unwrap_or_default();
        let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
        for action in list("TransactItems") {
            let item = &action["Put"]["Item"];
            // Inbox records have an event id, too, but only rows of the outbox have a position.
            let is_row = item["position"].is_object();
            if let Some(id) = item["eventId"]["S"].as_str().filter(|_| is_row) {
                self.committed.insert(id.to_owned(), call.answered_at);
            }
        }
        for entry in list("Entries") {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            let id = detail["id"].as_str().unwrap().to_owned();
            self.published.entry(id).or_insert(call.answered_at);
        }
    }

    /// Returns whether all events of the measurement are published. Events of the warm-up may
    /// be among the published ones.
    fn is_complete(&self) -> bool {
        let committed = &self.committed;
        committed.len() == ORDERS && committed.keys().all(|id| self.published.contains_key(id))
    }

    fn milliseconds(&self) -> Vec<u128> {
        let took = |(id, committed): (&String, &tokio::time::Instant)| {
            let took = self.published[id].checked_duration_since(*committed);
            took.expect("published after its commit").as_millis()
        };
        let mut all: Vec<u128> = self.committed.iter().map(took).collect();
        all.sort_unstable();
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions and the local AWS: make bench"]
async fn measure_commit_to_bus() {
    let address = ([127, 0, 0, 1], 0).into();
    let stack = Stack::start(&Paths::of_this_project().unwrap(), address).await;
    let stack = Arc::new(stack.unwrap());
    let (clients, deployment) = (&stack.clients, &stack.deployment);
    let functions = Functions::Deployed;
    let observer = Arc::new(|_: &_| {});
    let mapping = Mappings::take_over(clients, deployment, &functions, |_| {}, observer);
    let _mapping = mapping.await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for number in 0..WARM_UP {
        place(&stack, &http, number).await;
    }

    let mut calls = stack.faults.calls();
    let started = Instant::now();
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut orders = JoinSet::new();
    for number in WARM_UP..WARM_UP + ORDERS {
        ticks.tick().await;
        let (stack, http) = (Arc::clone(&stack), http.clone());
        orders.spawn(async move { place(&stack, &http, number).await });
    }
    orders.join_all().await;
    let lasted = started.elapsed();

    let mut times = Times::default();
    while !times.is_complete() {
        let call = timeout(PATIENCE, calls.recv()).await;
        let (committed, published) = (times.committed.len(), times.published.len());
        let call = call.unwrap_or_else(|_| panic!("{committed} committed, {published} published"));
        times.note(&call.unwrap());
    }
    let milliseconds = times.milliseconds();
    let quantile = |percent: usize| milliseconds[(milliseconds.len() - 1) * percent / 100];
    println!(
        "commit to bus: {ORDERS} orders in {:.0} s; half within {} ms, 99 % within {} ms",
        lasted.as_secs_f64(),
        quantile(50),
        quantile(99)
    );
    Arc::into_inner(stack).unwrap().stop().await.unwrap();
}
