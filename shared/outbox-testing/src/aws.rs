//! The services of an outbox in memory.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use outbox::{Clock, KeySchema};
use tokio::time::Instant;

use crate::{
    clock::TestClock,
    fault::{CallFailure, Fault},
    fault_plan::{Call, FaultPlan},
    item::Item,
    journal::{Happened, Journal, MadeCall},
    operation::Operation,
    script::Script,
    services::Services,
};

/// When the clock of a test begins, unless it says otherwise.
const START: Timestamp = Timestamp::constant(1_795_510_800, 0);

/// The AWS services of an outbox, in memory: the outbox table and its stream, the bus, the
/// dead-letter queue, and any other tables.
///
/// Clones share them. It implements every trait of [`outbox::ports`], so it can be given to
/// a relay, a sweeper or a replay in any place, and the trait by which an `Outbox` and an
/// `Inbox` commit their transactions. The [front page](crate) has examples.
///
/// By default every call succeeds at once. [`fail_next`](Self::fail_next),
/// [`fail_always`](Self::fail_always), [`set_fault_plan`](Self::set_fault_plan) and
/// [`set_latency`](Self::set_latency) change that.
#[derive(Clone)]
pub struct InMemoryAws(Arc<Shared>);

struct Shared {
    clock: TestClock,
    services: Mutex<Services>,
    script: Mutex<Script>,
    journal: Mutex<Journal>,
}

impl Default for InMemoryAws {
    fn default() -> Self {
        Self::new()
    }
}

impl InMemoryAws {
    /// Creates empty services. Their clock begins at a fixed time, so that tests don't vary.
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// Creates empty services whose clock begins at the given time.
    pub fn starting_at(start: Timestamp) -> Self {
        let clock = TestClock::starting_at(start);
        Self(Arc::new(Shared {
            services: Mutex::new(Services::new(clock.clone())),
            clock,
            script: Mutex::default(),
            journal: Mutex::default(),
        }))
    }

    /// Returns the clock of the services.
    pub fn clock(&self) -> TestClock {
        self.0.clock.clone()
    }

    /// Reads or changes what the services store.
    pub fn with<T>(&self, access: impl FnOnce(&mut Services) -> T) -> T {
        access(&mut lock(&self.0.services))
    }

    /// Creates a table for aggregates, an inbox, or items of the caller's own. The outbox table
    /// is always there.
    pub fn create_table(&self, name: impl Into<String>, key_schema: KeySchema) {
        self.with(|services| services.items.create_table(name, key_schema));
    }

    /// Returns an item of a table other than the outbox, by the values of its key: the
    /// partition key's, then the sort key's, if the table has one. `None` if there is no such
    /// item.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn item(&self, table: &str, key: &[&str]) -> Option<Item> {
        self.with(|services| {
            let is_there = services.items.key_schema(table).is_some();
            assert!(is_there, "there is no table {table:?}");
            services.items.find(table, key).cloned()
        })
    }

    /// Makes the next call of an operation fail. Several faults are used one after the other.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        lock(&self.0.script).fail_next(operation, fault);
    }

    /// Makes all calls of an operation fail, until [`end_faults`](Self::end_faults).
    pub fn fail_always(&self, operation: Operation, fault: Fault) {
        lock(&self.0.script).fail_always(operation, fault);
    }

    /// Lets a plan decide about each call that neither [`fail_next`](Self::fail_next) nor
    /// [`fail_always`](Self::fail_always) decides about. It replaces the plan before.
    pub fn set_fault_plan(&self, plan: impl FaultPlan + 'static) {
        lock(&self.0.script).set_plan(Box::new(plan));
    }

    /// Makes all calls of an operation take this long before they have their effect.
    pub fn set_latency(&self, operation: Operation, latency: Duration) {
        lock(&self.0.script).set_latency(operation, latency);
    }

    /// Ends all faults. Latencies stay.
    pub fn end_faults(&self) {
        lock(&self.0.script).clear();
    }

    /// Deletes the bus. From then on it drops what it accepts, as EventBridge does.
    pub fn delete_bus(&self) {
        self.with(|services| services.bus.exists = false);
    }

    /// Returns the calls that were made of an operation, also those that failed.
    pub fn calls(&self, operation: Operation) -> Vec<MadeCall> {
        let journal = lock(&self.0.journal);
        let calls = journal.calls.iter();
        let calls = calls.filter(|call| call.operation == operation);
        calls.cloned().collect()
    }

    /// Returns what has happened, in order.
    pub fn happened(&self) -> Vec<Happened> {
        lock(&self.0.journal).happened.clone()
    }

    /// Checks what an outbox promises, as far as calls of these services show it: a row is
    /// deleted only after the bus accepted its event, and parked only after its dead letter
    /// was sent; and no request was invalid.
    ///
    /// # Panics
    ///
    /// If it was broken, with the row.
    pub fn assert_promises_kept(&self) {
        let broken = lock(&self.0.journal).broken_promise();
        if let Some(broken) = broken {
            panic!("{broken}");
        }
    }

    pub(crate) fn note(&self, happened: impl IntoIterator<Item = Happened>) {
        lock(&self.0.journal).happened.extend(happened);
    }

    /// Makes a call of a service.
    pub(crate) async fn call<T>(
        &self,
        call: Call<'_>,
        effect: impl FnOnce(&mut Services, Option<&Fault>) -> T,
    ) -> Result<T, CallFailure> {
        lock(&self.0.journal).calls.push(MadeCall {
            operation: call.operation,
            began: Instant::now(),
            at: self.0.clock.now(),
            rows: call.rows.to_vec(),
        });
        let plan = lock(&self.0.script).plan(&call);
        plan.perform(|fault| self.with(|services| effect(services, fault)))
            .await
    }
}

/// A test that panics elsewhere is reported there.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
