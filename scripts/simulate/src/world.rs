use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use outbox::{Clock, OutboxRow, Parked, RowKey, relay::Unreadable, replay::Message};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    stream::Stream,
    truth::{Accepted, Actor, End, Life, Truth, Violation},
    weather::Weather,
};

/// How long after its deletion a bus still takes events that nobody gets: the
/// relay trusts a yes for a minute, and a request may be under way.
const DELETED_UNNOTICED: Duration = Duration::from_secs(75);

/// What the relay does not look up: records younger than this.
const YOUNG: SignedDuration = SignedDuration::from_secs(4);

/// How long the relay holds on to a record that keeps failing.
const LEFT_TO_SWEEPER_AFTER: SignedDuration = SignedDuration::from_secs(10 * 60 - 3);

/// Everything there is. Handles share it.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    begun: Instant,
    state: Mutex<State>,
    news: Notify,
    pager: Notify,
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

pub(crate) struct State {
    pub(crate) random: fastrand::Rng,
    pub(crate) bug: Option<Bug>,
    pub(crate) weather: Weather,
    pub(crate) rows: BTreeMap<RowKey, Row>,
    /// What was discarded, and is kept to tell by whom.
    pub(crate) audit: BTreeSet<RowKey>,
    pub(crate) stream: Stream,
    pub(crate) queue: Vec<Queued>,
    /// Since when there is no bus.
    pub(crate) bus_gone_since: Option<Instant>,
    /// Events the bus will never take.
    pub(crate) poisoned: BTreeSet<RowKey>,
    pub(crate) events: HashMap<RowKey, Truth>,
    pub(crate) lives: Vec<Life>,
    /// The last sequence that each process has published of each aggregate.
    pub(crate) published_by: HashMap<(Actor, String), u64>,
    /// The last sequence the bus got of each aggregate.
    pub(crate) last_on_bus: HashMap<String, u64>,
    /// Whether records may be with two functions that do not know of each other.
    pub(crate) is_read_twice: bool,
    /// Somebody has switched the sweeper off.
    pub(crate) is_sweeper_off: bool,
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
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, is_calm: bool, keeps_history: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut stream = Stream::default();
        stream.begin_with_numbers_shortly_before_a_new_digit(random.u64(1..400));
        Self(Arc::new(Shared {
            begun: Instant::now(),
            news: Notify::new(),
            pager: Notify::new(),
            state: Mutex::new(State {
                random,
                bug,
                weather: Weather::default(),
                rows: BTreeMap::new(),
                audit: BTreeSet::new(),
                stream,
                queue: Vec::new(),
                bus_gone_since: None,
                poisoned: BTreeSet::new(),
                events: HashMap::new(),
                lives: Vec::new(),
                published_by: HashMap::new(),
                last_on_bus: HashMap::new(),
                is_read_twice: false,
                is_sweeper_off: false,
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
        self.time_of(Instant::now())
    }

    fn time_of(&self, instant: Instant) -> Timestamp {
        let elapsed = instant.duration_since(self.0.begun);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or_default();
        EPOCH.saturating_add(elapsed).unwrap_or(EPOCH)
    }

    pub(crate) fn clock(&self, skew: SignedDuration) -> Arc<dyn Clock> {
        Arc::new(SkewedClock {
            world: self.clone(),
            skew,
        })
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
    pub(crate) fn begin(&self) -> Actor {
        self.with(|state| {
            state.counts.invocations += 1;
            state.lives.push(Life {
                begun: Instant::now(),
                ended: None,
                could_not_delete: false,
            });
            Actor::try_from(state.lives.len() - 1).unwrap_or(Actor::MAX)
        })
    }

    pub(crate) fn end(&self, actor: Actor, end: End) {
        self.with(|state| {
            state.counts.deaths += u64::from(end == End::Died);
            state.lives[actor as usize].ended = Some((Instant::now(), end));
        });
    }

    pub(crate) fn is_violated(&self) -> bool {
        self.with(|state| !state.violations.is_empty())
    }
}

/// When every history begins.
const EPOCH: Timestamp = Timestamp::constant(1_795_510_800, 0);

struct SkewedClock {
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

    pub(crate) fn violate(&mut self, what: &'static str, key: Option<&RowKey>) {
        let key = key.cloned();
        if let Some(history) = &mut self.history {
            history.push(format!("VIOLATION: {what}: {key:?}"));
        }
        self.violations.push(Violation { what, key });
    }

    /// The bus takes an event.
    pub(crate) fn accept(&mut self, row: &OutboxRow, by: Actor) {
        let now = Instant::now();
        let key = &row.key;
        let Some(truth) = self.events.get(key) else {
            return self.violate("published what was never committed", Some(key));
        };
        if !truth.may_be(row) {
            return self.violate("published what is not what was committed", Some(key));
        }
        if truth.is_discarded {
            return self.violate("published what was discarded", Some(key));
        }
        if let Some(gone_since) = self.bus_gone_since {
            if gone_since.elapsed() < DELETED_UNNOTICED
                && let Some(truth) = self.events.get_mut(key)
            {
                truth.excused = true;
            }
            return;
        }
        self.check_order(row, by);
        self.check_duplicate(key, by, now);
        let accepted = Accepted {
            by,
            at: now,
            // Until the process is told.
            is_answered: false,
        };
        self.counts.accepted += 1;
        if let Some(truth) = self.events.get_mut(key) {
            truth.accepted.push(accepted);
        }
    }

    fn check_order(&mut self, row: &OutboxRow, by: Actor) {
        // What was set aside, or refused alone of a request, is late, and said to be;
        // what is repeated is a duplicate.
        let is_late = |truth: &Truth| truth.was_released || truth.was_refused;
        let truth = self.events.get(&row.key);
        if truth.is_some_and(|truth| is_late(truth) || !truth.accepted.is_empty()) {
            return;
        }
        let aggregate = row.key.aggregate_id.clone();
        let last = self
            .published_by
            .insert((by, aggregate.clone()), row.sequence);
        if last.is_some_and(|last| last > row.sequence) {
            self.violate("out of order within an invocation", Some(&row.key));
        }
        let last = self.last_on_bus.insert(aggregate, row.sequence);
        if self.is_calm && last.is_some_and(|last| last > row.sequence) {
            self.violate("out of order though nothing went wrong", Some(&row.key));
        }
    }

    /// Every duplicate is owed to one of the causes that docs/guarantees.md lists: a
    /// process that died or was not told between effect and delete, a delete that
    /// failed, or two that held the same row.
    fn check_duplicate(&mut self, key: &RowKey, by: Actor, now: Instant) {
        let Some(truth) = self.events.get(key) else {
            return;
        };
        let Some(before) = truth.accepted.last().copied() else {
            return;
        };
        let ours = self.lives[by as usize];
        let theirs = self.lives[before.by as usize];
        let was_not_told = truth.accepted.iter().any(|accepted| !accepted.is_answered);
        let could_not_delete = truth.kept_at.is_some()
            || truth
                .accepted
                .iter()
                .any(|accepted| self.lives[accepted.by as usize].could_not_delete);
        let died = truth.accepted.iter().any(|accepted| {
            let life = self.lives[accepted.by as usize];
            matches!(life.ended, Some((_, End::Died)))
        });
        let held_at_once = before.by != by && theirs.ended.is_none_or(|(at, _)| at >= ours.begun);
        let is_young = before.at + YOUNG.unsigned_abs() > now;
        let is_read_twice = self.is_read_twice && is_young;
        self.counts.duplicates += 1;
        let explained = was_not_told || could_not_delete || died || is_read_twice || held_at_once;
        if !explained {
            let told =
                format!("{key} was published before: {truth:?}; we: {ours:?}, they: {theirs:?}");
            self.note(told);
            self.violate("a duplicate nobody can explain", Some(key));
        }
    }

    /// A row leaves the table for good.
    pub(crate) fn delete(&mut self, key: &RowKey) {
        let is_settled = self.events.get(key).is_none_or(Truth::is_settled);
        if self.rows.remove(key).is_some() && !is_settled {
            self.violate("deleted what was not published", Some(key));
        }
    }

    /// A delete did not happen, or nobody was told that it did.
    pub(crate) fn keep(&mut self, key: &RowKey) {
        if let Some(truth) = self.events.get_mut(key) {
            truth.kept_at = Some(Instant::now());
        }
    }

    /// A process sets a row aside, which it has sent a dead letter of before.
    pub(crate) fn park(&mut self, key: &RowKey, mark: &Parked, by: Actor) {
        let truth = self.events.get(key);
        let has_letter = truth.is_some_and(|truth| truth.letters.contains(&by));
        let Some(row) = self.rows.get_mut(key).filter(|row| row.parked.is_none()) else {
            return;
        };
        row.parked = Some(mark.clone());
        let is_malformed = matches!(row.row, Err(Unreadable::Malformed(_)));
        let was_mended = self
            .events
            .get(key)
            .is_some_and(|truth| truth.mended.is_some());
        let is_poison = is_malformed || was_mended || self.poisoned.contains(key);
        if !has_letter {
            self.violate("parked without a dead letter", Some(key));
        }
        if !is_poison {
            self.violate("parked what is no poison", Some(key));
        }
    }

    /// The mapping counts a record as done.
    pub(crate) fn count_as_done(&mut self, key: &RowKey, now: Timestamp) {
        let Some(row) = self.rows.get(key) else {
            return;
        };
        let Some(truth) = self.events.get(key) else {
            return;
        };
        let is_old = now.duration_since(truth.committed_at) >= LEFT_TO_SWEEPER_AFTER;
        // A person may make a row pending again before the process that has set it
        // aside has answered, and what was edited is published from the table.
        let was_released = truth.was_released;
        if row.parked.is_none() && !truth.is_settled() && !is_old && !was_released {
            let told = format!("{key} counts as done: {row:?} of {truth:?}");
            self.note(told);
            self.violate("counted as done what is still pending", Some(key));
        }
    }

    /// A person's replay takes a dead letter for settled.
    pub(crate) fn delete_letter(&mut self, id: &str) {
        let Some(index) = self.queue.iter().position(|queued| queued.message.id == id) else {
            return;
        };
        let queued = self.queue.remove(index);
        for key in self.named_by(&queued.message.body) {
            if self.rows.get(&key).is_some_and(|row| row.parked.is_none()) {
                self.violate("deleted a dead letter of what is still pending", Some(&key));
            }
        }
    }

    /// The rows a dead letter names, as only an onlooker knows them.
    fn named_by(&self, body: &str) -> Vec<RowKey> {
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return Vec::new();
        };
        if let Ok(key) = serde_json::from_value::<RowKey>(body.clone()) {
            return vec![key];
        }
        let batch = &body["DDBStreamBatchInfo"];
        let text = |name: &str| batch[name].as_str().unwrap_or_default().to_owned();
        let shard = text("shardId");
        self.stream.between(
            &shard,
            &text("startSequenceNumber"),
            &text("endSequenceNumber"),
        )
    }
}
