//! What everything in a history shares: what the services store, and what the oracle
//! knows. Each service adds its own methods where it is simulated.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use outbox::{
    KeySchema, RowKey,
    ports::{BusLimits, EntryError},
    relay::{LookUp, Order},
};
use outbox_testing::{Services, TestClock};
use tokio::time::Instant;

use crate::{
    caller::Role,
    delivery::Delivery,
    design::Design,
    fault_plan::FaultPlan,
    mutants::Mutant,
    oracle::{Actor, ActorRecord, EventRecord, Process, Violation},
    outage::Effort,
};

/// How long after its deletion a bus may still accept events and lose them: the relay
/// relies for a minute on having seen the bus, and a request may be in flight.
pub(crate) const BUS_LOSS_WINDOW: Duration = Duration::from_secs(75);

/// The same while the bus can't be asked for: the relay then relies for ten minutes on
/// having seen it.
pub(crate) const UNANSWERED_LOSS_WINDOW: Duration = Duration::from_secs(615);

/// The limits of a request: so small that events reach them. In some histories, a request may not
/// have several events of an aggregate.
pub(crate) const LIMITS: BusLimits = BusLimits {
    entries: 10,
    bytes: 20_000,
    several_of_aggregate: true,
};

/// Most rows of a page.
const PAGE: usize = 50;

/// What a history is made from.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    /// What publishes.
    pub(crate) design: Design,
    /// The deliberate mistake, if there is one.
    pub(crate) mutant: Option<Mutant>,
    /// Whether the outbox keeps order.
    pub(crate) order: Order,
    /// Whether a request may have several events of an aggregate.
    pub(crate) several_of_aggregate: bool,
    /// Whether settings and faults vary as they do to test this library, not to compare it.
    pub(crate) is_varied: bool,
    /// Whether writers publish at once what they commit.
    pub(crate) publishes_at_once: bool,
    /// Whether a page of the rows before another has few rows.
    pub(crate) has_small_pages: bool,
    /// No fault and no incident happens.
    pub(crate) is_fault_free: bool,
    /// Some events are bad: they fail while the bus accepts the others.
    pub(crate) has_bad_events: bool,
    /// Whether to write down what happens.
    pub(crate) keeps_history: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct State {
    pub(crate) random: fastrand::Rng,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) design: Design,
    pub(crate) order: Order,
    pub(crate) fault_plan: FaultPlan,
    /// The tables, the stream, the bus and the dead-letter queue.
    pub(crate) services: Services,
    /// Since when the bus doesn't exist, if it doesn't.
    pub(crate) bus_gone_since: Option<Instant>,
    /// When a process last asked for the bus without an answer.
    pub(crate) bus_unanswered_at: Option<Instant>,
    /// What the bus will never accept: events as they are after this many edits.
    pub(crate) poisoned: BTreeSet<(RowKey, u64)>,
    /// What the bus rejects for as long as there are faults, and why.
    pub(crate) rejected: BTreeMap<RowKey, EntryError>,
    /// The bus will reject for now, for ever, the next event that is committed.
    pub(crate) rejects_next: bool,
    /// The aggregates with an event that is bad in any way.
    pub(crate) bad_aggregates: BTreeSet<String>,
    /// The bus rejects every event for its content.
    pub(crate) rejects_all: bool,
    /// When the bus last said that it accepted an event.
    pub(crate) accepted_at: Option<Instant>,
    /// The row that was last parked although its bus accepted nothing, and when.
    pub(crate) parked_without_proof: Option<(RowKey, Timestamp)>,
    /// The commands whose transactions were written.
    pub(crate) commands: BTreeSet<u64>,
    /// When the stream will have shown everything written so far of each aggregate.
    pub(crate) streamed_until: HashMap<String, Instant>,
    /// The consumer's queue.
    pub(crate) deliveries: Vec<Delivery>,
    /// What really happened to each event.
    pub(crate) events: HashMap<RowKey, EventRecord>,
    pub(crate) keys_by_event_id: HashMap<String, RowKey>,
    /// The sequences of each aggregate that events have.
    pub(crate) sequences: HashSet<(String, u64)>,
    /// When each actor last read each row.
    pub(crate) seen: HashMap<(Actor, RowKey), Instant>,
    /// The rows that a relay found in the table, beside its batch.
    pub(crate) found_by_search: HashSet<(Actor, RowKey)>,
    /// What really happened to each actor, by its number.
    pub(crate) actors: Vec<ActorRecord>,
    /// The last sequence that each actor has published of each aggregate.
    pub(crate) published_by: HashMap<(Actor, String), u64>,
    /// The last sequence that the bus got of each aggregate.
    pub(crate) last_on_bus: HashMap<String, u64>,
    /// The highest sequence that the bus got of each aggregate.
    pub(crate) latest_on_bus: HashMap<String, u64>,
    /// The aggregates of which each process has published an event.
    pub(crate) known_to: HashSet<(Process, String)>,
    /// Until when two functions may handle the same records without knowing it.
    pub(crate) read_twice_until: Option<Instant>,
    /// The deployed relay fails before it looks at a record.
    pub(crate) is_relay_broken: bool,
    /// An operator has disabled the sweeper.
    pub(crate) is_sweeper_off: bool,
    /// The faults have stopped.
    pub(crate) is_over: bool,
    /// Settings and faults vary as they do to test this library, not to compare it.
    pub(crate) is_varied: bool,
    /// Writers publish at once what they commit.
    pub(crate) publishes_at_once: bool,
    /// A page of the rows before another has few rows.
    pub(crate) has_small_pages: bool,
    /// No fault and no incident happens in this history.
    pub(crate) is_fault_free: bool,
    /// Some events fail while the bus accepts the others.
    pub(crate) has_bad_events: bool,
    pub(crate) counts: Counts,
    /// What the invocations of each role took.
    pub(crate) efforts: BTreeMap<Role, Effort>,
    pub(crate) violations: Vec<Violation>,
    /// What happened, line by line, if it is to be shown.
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
    /// The calls among them that commit, or read what a commit is based on.
    pub(crate) calls_to_commit: u64,
    /// Events that the bus got after a later one of their aggregate.
    pub(crate) out_of_order: u64,
}

/// Returns the services at the begin of a history. Sequence numbers begin just below a power
/// of ten, so that they gain a digit early: comparing them as text is then wrong.
fn services(clock: &TestClock, random: &mut fastrand::Rng) -> Services {
    let mut services = Services::new(clock.clone());
    services.bus.limits = LIMITS;
    services.table.set_page_size(PAGE);
    let before = u128::from(random.u64(1..400));
    services.stream.set_last_number(10_u128.pow(20) - before);
    for (table, key) in [("things", "pk"), ("inbox", "pk"), ("effects", "eventId")] {
        services
            .items
            .create_table(table, KeySchema::partition_key(key));
    }
    services
}

/// Returns whether this is an earlier event of the same aggregate.
pub(crate) fn is_before(earlier: &RowKey, key: &RowKey) -> bool {
    earlier.aggregate_id == key.aggregate_id && earlier < key
}

impl State {
    pub(crate) fn new(setting: &Setting, clock: &TestClock) -> Self {
        let mut random = fastrand::Rng::with_seed(setting.seed);
        let mut services = services(clock, &mut random);
        services.bus.limits.several_of_aggregate = setting.several_of_aggregate;
        Self {
            fault_plan: FaultPlan::new(random.fork()),
            random,
            services,
            mutant: setting.mutant,
            design: setting.design,
            order: setting.order,
            bus_gone_since: None,
            bus_unanswered_at: None,
            poisoned: BTreeSet::new(),
            rejected: BTreeMap::new(),
            rejects_next: false,
            bad_aggregates: BTreeSet::new(),
            rejects_all: false,
            accepted_at: None,
            parked_without_proof: None,
            commands: BTreeSet::new(),
            streamed_until: HashMap::new(),
            deliveries: Vec::new(),
            events: HashMap::new(),
            keys_by_event_id: HashMap::new(),
            sequences: HashSet::new(),
            seen: HashMap::new(),
            found_by_search: HashSet::new(),
            actors: Vec::new(),
            published_by: HashMap::new(),
            last_on_bus: HashMap::new(),
            latest_on_bus: HashMap::new(),
            known_to: HashSet::new(),
            read_twice_until: None,
            is_relay_broken: false,
            is_sweeper_off: false,
            is_over: false,
            is_varied: setting.is_varied,
            publishes_at_once: setting.publishes_at_once,
            has_small_pages: setting.has_small_pages,
            is_fault_free: setting.is_fault_free,
            has_bad_events: setting.has_bad_events,
            counts: Counts::default(),
            efforts: BTreeMap::new(),
            violations: Vec::new(),
            history: setting.keeps_history.then(Vec::new),
            next_id: 0,
        }
    }

    /// Returns which records the relay looks up.
    pub(crate) fn look_up(&self) -> LookUp {
        if self.publishes_at_once && self.mutant != Some(Mutant::YoungNotLookedUp) {
            LookUp::Always
        } else {
            LookUp::WhenOld
        }
    }

    /// Returns the true time, which the services use.
    pub(crate) fn now(&self) -> Timestamp {
        self.services.now()
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Returns the keys of the rows that are parked, or of those that are not.
    pub(crate) fn keys_of_rows(&self, parked: bool) -> Vec<RowKey> {
        let rows = self.services.table.rows();
        let rows = rows.filter(|(_, row)| row.is_parked() == parked);
        rows.map(|(key, _)| key.clone()).collect()
    }

    /// Returns the rows that are pending, and not held behind a parked one.
    pub(crate) fn keys_of_free_rows(&self) -> Vec<RowKey> {
        let mut pending = self.keys_of_rows(false);
        if self.order.is_kept() {
            let parked = self.keys_of_rows(true);
            pending.retain(|key| !parked.iter().any(|parked| is_before(parked, key)));
        }
        pending
    }

    /// Returns how many pending rows the bus rejects for their content.
    pub(crate) fn number_of_pending_poison(&self) -> u32 {
        let rows = self.services.table.rows();
        let pending = rows.filter(|(_, row)| !row.is_parked());
        let poison = pending.filter(|(key, row)| {
            let edits = row.row().map_or(0, |row| row.edits);
            self.poisoned.contains(&((*key).clone(), edits))
        });
        u32::try_from(poison.count()).unwrap_or(u32::MAX)
    }

    /// Adds a line to the history, if it is to be shown.
    pub(crate) fn note(&mut self, line: String) {
        if let Some(history) = &mut self.history {
            history.push(line);
        }
    }

    pub(crate) fn keeps_history(&self) -> bool {
        self.history.is_some()
    }

    /// Returns what happened, line by line.
    pub(crate) fn history(&self) -> Vec<String> {
        self.history.clone().unwrap_or_default()
    }
}
