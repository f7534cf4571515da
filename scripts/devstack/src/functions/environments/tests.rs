use std::collections::HashSet;

use futures::future::join_all;

use super::*;
use crate::functions::{
    local_function::LocalFunction,
    test_gate::{AtGate, Gate, WAIT_AT_GATE},
    test_project::{ANSWER, TestProject, invocation},
};

/// A function whose processes wait at a gate.
struct Gated {
    project: TestProject,
    function: LocalFunction,
    gate: Gate,
}

impl Gated {
    /// Creates a function that runs this for each call.
    async fn new(handle: &str) -> Self {
        let project = TestProject::new();
        let gate = Gate::new().await;
        let function = project.function_with(gate.variables());
        let gated = Self {
            project,
            function,
            gate,
        };
        gated.write(handle);
        gated
    }

    fn write(&self, handle: &str) {
        let main = format!("fn main() {{ loop {{ {handle} }} }}");
        self.project
            .write_main(&format!("{ANSWER} {WAIT_AT_GATE} {main}"));
    }

    async fn call(&self) -> String {
        call(&self.function).await
    }

    /// Waits until so many environments at most are busy.
    async fn busy_at_most(&self, count: usize) {
        let free = u32::try_from(MOST_ENVIRONMENTS - count).unwrap();
        let slots = &self.function.environments.slots;
        drop(slots.acquire_many(free).await.unwrap());
    }
}

/// Calls a function, and returns its response.
async fn call(function: &LocalFunction) -> String {
    let response = function.call(invocation("{}")).await;
    String::from_utf8(response.unwrap().unwrap().into()).unwrap()
}

const GATE_THEN_RESPONSE: &str = "let id = next(); wait_at_gate(); respond(&id, \"answered\")";
const RESPONSE_THEN_GATE: &str = "answer(); wait_at_gate()";

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_run_in_processes_of_their_own() {
    let function = Gated::new(GATE_THEN_RESPONSE).await;
    let pass_both = async {
        let (first, second) = (function.gate.next().await, function.gate.next().await);
        assert_ne!(first.process, second.process);
        // The first one gets idle first.
        let _first = first.pass().await;
        function.busy_at_most(1).await;
        let process = second.process;
        let _second = second.pass().await;
        process
    };
    let (first, second, last) = tokio::join!(function.call(), function.call(), pass_both);
    assert_eq!([first, second], ["answered"; 2]);

    function.busy_at_most(0).await;
    let (_, at_gate) = tokio::join!(function.call(), pass(&function.gate));
    assert_eq!(at_gate, last, "not the most recently used process");
}

/// Lets the next process pass, and returns its id.
async fn pass(gate: &Gate) -> u32 {
    let at_gate = gate.next().await;
    let process = at_gate.process;
    let _passed = at_gate.pass().await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_at_work_after_its_response_gets_no_call() {
    let function = Gated::new(RESPONSE_THEN_GATE).await;
    assert_eq!(function.call().await, "answered");
    let first = function.gate.next().await;
    assert_eq!(function.call().await, "answered");
    let second = function.gate.next().await;
    assert_ne!(first.process, second.process);

    // Idle again, it gets the next one.
    let process = first.process;
    let _passed = first.pass().await;
    function.busy_at_most(1).await;
    assert_eq!(function.call().await, "answered");
    assert_eq!(function.gate.next().await.process, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_if_all_environments_are_busy() {
    let function = Gated::new(GATE_THEN_RESPONSE).await;
    let calls = join_all((0..=MOST_ENVIRONMENTS).map(|_| function.call()));
    let let_all_pass = async {
        let mut waiting: Vec<AtGate> = Vec::new();
        for _ in 0..MOST_ENVIRONMENTS {
            waiting.push(function.gate.next().await);
        }
        let processes: HashSet<u32> = waiting.iter().map(|at_gate| at_gate.process).collect();
        assert_eq!(processes.len(), MOST_ENVIRONMENTS);

        let free = waiting.remove(3);
        let process = free.process;
        let _passed = free.pass().await;
        let last = function.gate.next().await;
        assert_eq!(last.process, process);
        waiting.push(last);
        for at_gate in waiting {
            let _passed = at_gate.pass().await;
        }
    };
    let (answers, ()) = tokio::join!(calls, let_all_pass);
    assert_eq!(answers, ["answered"; MOST_ENVIRONMENTS + 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_program_gets_the_next_call_while_the_old_one_is_busy() {
    let function = Gated::new(GATE_THEN_RESPONSE).await;
    let change = async {
        let old = function.gate.next().await;
        function.write("respond(&next(), \"changed\")");
        for _ in 0..2 {
            assert_eq!(function.call().await, "changed");
        }
        old.pass().await
    };
    let (old, passed) = tokio::join!(function.call(), change);
    assert_eq!(old, "answered");
    passed.ended().await;
    assert_eq!(function.call().await, "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_of_an_old_program_ends_when_the_new_one_is_built() {
    let function = Gated::new(GATE_THEN_RESPONSE).await;
    let open = async { function.gate.next().await.pass().await };
    let (_, old) = tokio::join!(function.call(), open);
    function.busy_at_most(0).await;
    function.write("respond(&next(), \"changed\")");
    function.function.refresh().await.unwrap();
    old.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_after_its_response_fails_no_call() {
    let function = Gated::new("answer(); wait_at_gate(); std::process::exit(7)").await;
    for _ in 0..2 {
        assert_eq!(function.call().await, "answered");
        function.gate.next().await.pass().await.ended().await;
        function.busy_at_most(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_if_its_caller_goes() {
    let function = Gated::new(GATE_THEN_RESPONSE).await;
    let at_gate = tokio::select! {
        answer = function.call() => panic!("{answer}"),
        at_gate = function.gate.next() => at_gate,
    };
    let (answer, second) = tokio::join!(function.call(), pass(&function.gate));
    assert_eq!(answer, "answered");
    assert_ne!(second, at_gate.process);
    // Idle again, it is the most recently used one.
    function.busy_at_most(1).await;
    let process = at_gate.process;
    let _passed = at_gate.pass().await;
    function.busy_at_most(0).await;
    let (_, third) = tokio::join!(function.call(), pass(&function.gate));
    assert_eq!(third, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_build_once() {
    let project = TestProject::new();
    let function = project.function_that_counts_builds();
    let write = |answer: &str| {
        let main = format!("fn main() {{ loop {{ respond(&next(), {answer:?}) }} }}");
        project.write_main(&format!("{ANSWER} {main}"));
    };
    // The first build writes Cargo.lock, which is a source.
    write("first");
    assert_eq!(call(&function).await, "first");
    write("second");
    let answers = join_all((0..3).map(|_| call(&function)));
    assert_eq!(answers.await, ["second"; 3]);
    assert_eq!(project.builds(), 2);
}
