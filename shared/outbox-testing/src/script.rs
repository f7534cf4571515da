//! The faults and latencies that a test asks for, call by call.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    fault::Fault,
    fault_plan::{Call, CallPlan, FaultPlan},
    operation::Operation,
};

/// What a test has asked for: faults of the next calls, then a plan, and latencies.
#[derive(Default)]
pub(crate) struct Script {
    next: BTreeMap<Operation, VecDeque<Fault>>,
    always: BTreeMap<Operation, Fault>,
    latencies: BTreeMap<Operation, Duration>,
    plan: Option<Box<dyn FaultPlan>>,
}

impl Script {
    pub(crate) fn fail_next(&mut self, operation: Operation, fault: Fault) {
        self.next.entry(operation).or_default().push_back(fault);
    }

    pub(crate) fn fail_always(&mut self, operation: Operation, fault: Fault) {
        self.always.insert(operation, fault);
    }

    pub(crate) fn set_latency(&mut self, operation: Operation, latency: Duration) {
        self.latencies.insert(operation, latency);
    }

    pub(crate) fn set_plan(&mut self, plan: Box<dyn FaultPlan>) {
        self.plan = Some(plan);
    }

    /// Ends all faults. Latencies stay.
    pub(crate) fn clear(&mut self) {
        self.next.clear();
        self.always.clear();
        self.plan = None;
    }
}

impl FaultPlan for Script {
    fn plan(&mut self, call: &Call<'_>) -> CallPlan {
        let next = self.next.get_mut(&call.operation);
        let fault = next.and_then(VecDeque::pop_front);
        let fault = fault.or_else(|| self.always.get(&call.operation).cloned());
        let mut planned = match (fault, &mut self.plan) {
            (None, Some(plan)) => plan.plan(call),
            (fault, _) => fault.into(),
        };
        let latency = self.latencies.get(&call.operation);
        planned.request_takes += latency.copied().unwrap_or_default();
        planned
    }
}
