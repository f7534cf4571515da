//! The handle by which all tasks of a history share its state, its time and its
//! randomness.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use outbox::Clock;
use outbox_testing::TestClock;
use tokio::{
    sync::{Notify, futures::Notified},
    time::{Instant, sleep},
};

use crate::{
    caller::Role,
    mutants::Mutant,
    oracle::{Actor, ActorRecord, End, Process},
    state::{Setting, State},
};

/// The time at which every history begins.
const EPOCH: Timestamp = Timestamp::constant(1_795_510_800, 0);

/// Everything in a history. Clones share it.
#[derive(Clone)]
pub(crate) struct Simulation(Arc<Shared>);

struct Shared {
    /// Also part of the services, but here readable without their lock.
    clock: TestClock,
    /// The same without the time for which everything was frozen, for a planted mistake.
    unfrozen_clock: TestClock,
    state: Mutex<State>,
    stream_record_added: Notify,
    pager: Notify,
    delivery_added: Notify,
}

impl Simulation {
    pub(crate) fn new(setting: &Setting) -> Self {
        let clock = TestClock::starting_at(EPOCH);
        Self(Arc::new(Shared {
            state: Mutex::new(State::new(setting, &clock)),
            clock,
            unfrozen_clock: TestClock::starting_at(EPOCH),
            stream_record_added: Notify::new(),
            pager: Notify::new(),
            delivery_added: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Reads or changes the state, at one moment of simulated time.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut State) -> T) -> T {
        access(&mut self.state())
    }

    /// Returns the true time, which the services use.
    pub(crate) fn now(&self) -> Timestamp {
        // Services ask for the time while they change the state, so this must not lock it.
        self.0.clock.now()
    }

    /// Returns the wall clock for a process.
    pub(crate) fn wall_clock(&self) -> TestClock {
        match self.with(|state| state.mutant) {
            Some(Mutant::FrozenClock) => self.0.unfrozen_clock.clone(),
            _ => self.0.clock.clone(),
        }
    }

    /// Moves the wall clock ahead, while the monotonic one stands still.
    pub(crate) fn freeze(&self, time: Duration) {
        self.with(|state| state.age_bus(time));
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.0.clock.advance(time);
    }

    /// Wakes the mappings, because the stream has new records or shards.
    pub(crate) fn notify_mappings(&self) {
        self.0.stream_record_added.notify_waiters();
    }

    /// Returns a future that ends when the stream has something new, from now on.
    pub(crate) fn stream_record(&self) -> Notified<'_> {
        self.0.stream_record_added.notified()
    }

    /// Wakes the consumers, because their queue may have something new.
    pub(crate) fn notify_consumers(&self) {
        self.0.delivery_added.notify_waiters();
    }

    /// Waits until the consumer's queue has something new, or until the timeout.
    pub(crate) async fn delivery_or(&self, timeout: Duration) {
        notified_or(&self.0.delivery_added, timeout).await;
    }

    /// Pages on-call, because a row is parked or a batch was given up.
    pub(crate) fn page(&self) {
        self.0.pager.notify_one();
    }

    /// Waits until on-call is paged.
    pub(crate) async fn paged(&self) {
        self.0.pager.notified().await;
    }

    /// Adds a line with the time to the history, if it is to be shown.
    pub(crate) fn log(&self, line: impl FnOnce() -> String) {
        let mut state = self.state();
        if state.keeps_history() {
            let now = state.now();
            state.note(format!("{now:.3} {}", line()));
        }
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.with(|state| state.random.f64() < probability)
    }

    pub(crate) fn between(&self, range: std::ops::Range<u64>) -> u64 {
        self.with(|state| state.random.u64(range))
    }

    /// An invocation or an operator's command begins, the first one of its process if that is
    /// `None`.
    pub(crate) fn begin(&self, role: Role, process: Option<Process>) -> Actor {
        self.with(|state| {
            state.counts.invocations += 1;
            let actor = Actor::try_from(state.actors.len()).unwrap_or(Actor::MAX);
            state.actors.push(ActorRecord {
                process: process.unwrap_or(actor),
                begun: Instant::now(),
                begun_at: state.now(),
                role,
                ended: None,
                has_failed_delete: false,
                is_first: process.is_none(),
                accepted: 0,
                has_deleted: false,
            });
            actor
        })
    }

    pub(crate) fn end(&self, actor: Actor, end: End) {
        self.with(|state| {
            state.counts.deaths += u64::from(end != End::Returned);
            state.actors[actor as usize].ended = Some((Instant::now(), end));
            state.check_deletes(actor);
        });
    }

    /// A second mapping, or one that starts from the beginning, hands over records that
    /// another function may have in flight: for this long, and for as long as an
    /// invocation lasts.
    pub(crate) fn read_twice_for(&self, time: Duration) {
        let until = Instant::now() + time + Duration::from_secs(75);
        self.with(|state| {
            state.read_twice_until = state.read_twice_until.max(Some(until));
        });
    }

    pub(crate) fn is_violated(&self) -> bool {
        self.with(|state| !state.violations.is_empty())
    }
}

async fn notified_or(notify: &Notify, timeout: Duration) {
    tokio::select! {
        biased;
        () = notify.notified() => {}
        () = sleep(timeout) => {}
    }
}
