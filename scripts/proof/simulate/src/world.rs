//! Everything that is shared: time, chance, what services hold, what really happened.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use outbox::{Clock, OutboxRow, Parked, RowKey, ports::Message, relay::Unreadable};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    consumer::Delivery,
    designs::Design,
    stream::Stream,
    transactions::Items,
    truth::{Actor, End, Life, Truth, Violation},
    weather::Weather,
};

/// How long after its deletion a bus still takes events that nobody gets: the
/// relay trusts a yes for a minute, and a request may be under way.
pub(crate) const DELETED_UNNOTICED: Duration = Duration::from_secs(75);

/// Everything there is. Handles share it.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    begun: Instant,
    state: Mutex<State>,
    news: Notify,
    pager: Notify,
    delivery: Notify,
}

/// A row of the outbox table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) row: Result<Arc<OutboxRow>, Unreadable>,
    pub(crate) parked: Option<Parked>,
}

/// A message of the dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) message: Message,
    pub(crate) hidden_until: Option<Instant>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is so or not")]
pub(crate) struct State {
    begun: Instant,
    pub(crate) random: fastrand::Rng,
    pub(crate) bug: Option<Bug>,
    pub(crate) design: Design,
    pub(crate) weather: Weather,
    pub(crate) rows: BTreeMap<RowKey, Row>,
    /// What was discarded, and is kept to tell by whom.
    pub(crate) audit: BTreeSet<RowKey>,
    pub(crate) stream: Stream,
    pub(crate) queue: Vec<Queued>,
    /// Since when there is no bus.
    pub(crate) bus_gone_since: Option<Instant>,
    /// What the bus will never take: events as they are after so many edits.
    pub(crate) poisoned: BTreeSet<(RowKey, u64)>,
    /// What else transactions write.
    pub(crate) items: Items,
    /// Until when the stream shows what was written of each aggregate so far.
    pub(crate) shown_until: HashMap<String, Instant>,
    /// What the bus has for the consumer.
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) events: HashMap<RowKey, Truth>,
    pub(crate) keys_by_event_id: HashMap<String, RowKey>,
    /// When each process last saw that a row is there.
    pub(crate) seen: HashMap<(Actor, RowKey), Instant>,
    pub(crate) lives: Vec<Life>,
    /// The last sequence that each process has published of each aggregate.
    pub(crate) published_by: HashMap<(Actor, String), u64>,
    /// The last sequence the bus got of each aggregate.
    pub(crate) last_on_bus: HashMap<String, u64>,
    /// The highest sequence the bus got of each aggregate.
    pub(crate) latest_on_bus: HashMap<String, u64>,
    /// How long records may be with two functions that do not know of each other.
    pub(crate) read_twice_until: Option<Instant>,
    /// A release is deployed that fails before it has looked at a record.
    pub(crate) is_relay_broken: bool,
    /// Somebody has switched the sweeper off.
    pub(crate) is_sweeper_off: bool,
    /// Nothing goes wrong any more.
    pub(crate) is_over: bool,
    /// Nothing ever goes wrong here, so order holds throughout.
    pub(crate) is_calm: bool,
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<Violation>,
    history: Option<Vec<String>>,
    next_id: u64,
}

/// What happened, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) committed: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) discarded: u64,
    pub(crate) dead_letters: u64,
    pub(crate) invocations: u64,
    pub(crate) deaths: u64,
    pub(crate) calls: u64,
    /// Of them, to commit and to read what a commit is based on.
    pub(crate) calls_to_commit: u64,
    /// Events that the bus got after a later one of their aggregate.
    pub(crate) out_of_order: u64,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, is_calm: bool, keeps_history: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let begun = Instant::now();
        let mut stream = Stream::default();
        stream.begin_with_numbers_shortly_before_a_new_digit(random.u64(1..400));
        Self(Arc::new(Shared {
            begun,
            news: Notify::new(),
            pager: Notify::new(),
            delivery: Notify::new(),
            state: Mutex::new(State {
                begun,
                random,
                bug,
                design: Design::default(),
                weather: Weather::default(),
                rows: BTreeMap::new(),
                audit: BTreeSet::new(),
                stream,
                queue: Vec::new(),
                bus_gone_since: None,
                poisoned: BTreeSet::new(),
                items: Items::default(),
                shown_until: HashMap::new(),
                deliveries: Vec::new(),
                events: HashMap::new(),
                keys_by_event_id: HashMap::new(),
                seen: HashMap::new(),
                lives: Vec::new(),
                published_by: HashMap::new(),
                last_on_bus: HashMap::new(),
                latest_on_bus: HashMap::new(),
                read_twice_until: None,
                is_relay_broken: false,
                is_sweeper_off: false,
                is_over: false,
                is_calm,
                counts: Counts::default(),
                violations: Vec::new(),
                history: keeps_history.then(Vec::new),
                next_id: 0,
            }),
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state())
    }

    /// The time it is, by the clock of everybody.
    pub(crate) fn now(&self) -> Timestamp {
        since(self.0.begun)
    }

    /// The clock of a process: up to half a second wrong.
    pub(crate) fn clock(&self) -> SkewedClock {
        let skew = i64::try_from(self.between(0..1_000)).unwrap_or(0) - 500;
        SkewedClock {
            world: self.clone(),
            skew: SignedDuration::from_millis(skew),
        }
    }

    /// Something is new in the stream.
    pub(crate) fn tell_news(&self) {
        self.0.news.notify_waiters();
    }

    /// Somebody on call is told that a row is set aside.
    pub(crate) fn page(&self) {
        self.0.pager.notify_one();
    }

    /// Waits until a row is set aside.
    pub(crate) async fn paged(&self) {
        self.0.pager.notified().await;
    }

    /// Something is new for the consumer.
    pub(crate) fn tell_delivery(&self) {
        self.0.delivery.notify_waiters();
    }

    /// Waits until something is new for the consumer, or this time has passed.
    pub(crate) async fn delivery(&self, at_most: Duration) {
        tokio::select! {
            biased;
            () = self.0.delivery.notified() => {}
            () = sleep(at_most) => {}
        }
    }

    /// Waits until something is new in the stream, or this time has passed.
    pub(crate) async fn news(&self, at_most: Duration) {
        tokio::select! {
            biased;
            () = self.0.news.notified() => {}
            () = sleep(at_most) => {}
        }
    }

    /// Writes down what happens, if somebody wants to read it.
    pub(crate) fn log(&self, what: impl FnOnce() -> String) {
        let now = self.now();
        let mut state = self.state();
        if let Some(history) = &mut state.history {
            history.push(format!("{now:.3} {}", what()));
        }
    }

    pub(crate) fn history(&self) -> Vec<String> {
        self.with(|state| state.history.clone().unwrap_or_default())
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.with(|state| state.random.f64() < probability)
    }

    pub(crate) fn between(&self, range: std::ops::Range<u64>) -> u64 {
        self.with(|state| state.random.u64(range))
    }

    /// A process begins.
    pub(crate) fn begin(&self, is_by_hand: bool) -> Actor {
        let begun_at = self.now();
        self.with(|state| {
            state.counts.invocations += 1;
            state.lives.push(Life {
                begun: Instant::now(),
                begun_at,
                is_by_hand,
                ended: None,
                could_not_delete: false,
            });
            Actor::try_from(state.lives.len() - 1).unwrap_or(Actor::MAX)
        })
    }

    pub(crate) fn end(&self, actor: Actor, end: End) {
        self.with(|state| {
            state.counts.deaths += u64::from(end != End::Answered);
            state.lives[actor as usize].ended = Some((Instant::now(), end));
        });
    }

    /// A second mapping, or one that begins anew, hands records out that may be with
    /// another function; at most for this long, and as long as an invocation lasts.
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

/// When every history begins.
const EPOCH: Timestamp = Timestamp::constant(1_795_510_800, 0);

/// The time it is in a history that began then.
fn since(begun: Instant) -> Timestamp {
    let elapsed = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    EPOCH.saturating_add(elapsed).unwrap_or(EPOCH)
}

pub(crate) struct SkewedClock {
    world: World,
    skew: SignedDuration,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let now = self.world.now();
        now.saturating_add(self.skew).unwrap_or(now)
    }
}

impl State {
    /// The time it is, by the clock of everybody.
    pub(crate) fn now(&self) -> Timestamp {
        since(self.begun)
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Writes down what an onlooker sees.
    pub(crate) fn note(&mut self, what: String) {
        if let Some(history) = &mut self.history {
            history.push(what);
        }
    }
}
