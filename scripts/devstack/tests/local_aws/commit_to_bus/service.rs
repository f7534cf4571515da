//! The orders service on a local AWS of its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use devstack::{BuiltFunctions, Call, Mappings, Paths, Stack};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{calls::Calls, figures::Round, processes::processor_time};
use crate::{order_for, scripts};

/// How long to wait for the next call of the functions before the last event is published.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so long without a call, the functions have done their work.
const QUIET: Duration = Duration::from_secs(1);

/// The service with optimized functions, as many processes of each as are needed.
pub(super) struct Service {
    stack: Stack,
    functions: BuiltFunctions,
    mappings: Mappings,
    calls: UnboundedReceiver<Call>,
    http: reqwest::Client,
}

impl Service {
    /// Starts the service. Each pair is a function and a variable that it doesn't get.
    pub(super) async fn start(without: &[(&str, &str)]) -> Self {
        let paths = Paths::of_this_project().unwrap();
        let stack = Stack::start(&paths, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        leave_events_on_the_bus(&stack).await;
        let functions = BuiltFunctions::serve(&paths, &stack, &folder(), without)
            .await
            .unwrap();
        let mappings = Mappings::take_over(
            &stack.clients,
            &stack.deployment,
            &functions.functions(),
            |_| {},
            Arc::new(|_: &_| {}),
        )
        .await
        .unwrap();
        Self {
            mappings,
            calls: stack.faults.calls(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            functions,
            stack,
        }
    }

    /// Places orders for so many seconds, waits until every event is published, and returns what
    /// that took.
    pub(super) async fn round(&mut self, rate: u32, seconds: u32) -> Round {
        let programs = ["create-order", "publish-events"].map(|name| program(&folder(), name));
        let before = programs.each_ref().map(|program| processor_time(program));
        let orders = rate * seconds;
        let responses = self.place(orders, rate).await;
        let calls = self.calls_of(orders).await;
        let mut processor_times = programs.each_ref().map(|program| processor_time(program));
        for (after, before) in processor_times.iter_mut().zip(before) {
            *after -= before;
        }
        Round {
            responses,
            calls,
            writer: processor_times[0],
            relay: processor_times[1],
        }
    }

    /// Places orders, and returns the time of each response in milliseconds.
    async fn place(&self, orders: u32, rate: u32) -> Vec<f64> {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut responses = JoinSet::new();
        for _ in 0..orders {
            ticks.tick().await;
            let endpoint = self.functions.endpoint();
            let url = format!("{endpoint}/lambda-url/create-order/orders");
            let request = self.http.post(url).json(&order_for("customer-7"));
            responses.spawn(async move {
                let begun = Instant::now();
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 201);
                response.bytes().await.unwrap();
                begun.elapsed().as_secs_f64() * 1e3
            });
        }
        responses.join_all().await
    }

    /// Returns the calls until so many events are published, and the functions are idle.
    async fn calls_of(&mut self, events: u32) -> Calls {
        let mut calls = Calls::default();
        while !calls.is_complete(events) {
            let call = timeout(PATIENCE, self.calls.recv()).await;
            let (committed, published) = (calls.events(), calls.published());
            let call = call.unwrap_or_else(|_| {
                panic!("of {events}, {committed} committed, {published} published")
            });
            calls.note(&call.unwrap());
        }
        while let Ok(call) = timeout(QUIET, self.calls.recv()).await {
            calls.note(&call.unwrap());
        }
        calls
    }

    pub(super) async fn stop(mut self) {
        self.mappings.stop().await;
        drop(self.functions);
        self.stack.stop().await.unwrap();
    }
}

/// Returns the folder that `make build-bench` builds the functions in.
fn folder() -> PathBuf {
    let folder = scripts().join("../target/lambda/bench");
    folder.canonicalize().unwrap()
}

fn program(folder: &Path, function: &str) -> PathBuf {
    folder.join(function).join("bootstrap")
}

/// Shipping would compete for the processor with what is measured.
async fn leave_events_on_the_bus(stack: &Stack) {
    let lambda = &stack.clients.lambda;
    let mappings = lambda.list_event_source_mappings().send().await.unwrap();
    for mapping in mappings.event_source_mappings() {
        if mapping.event_source_arn().unwrap().contains(":sqs:") {
            let delete = lambda.delete_event_source_mapping();
            delete.uuid(mapping.uuid().unwrap()).send().await.unwrap();
        }
    }
}
