//! One history: trouble, then none, then the verdict.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
    time::Duration,
};

use outbox::{
    RowKey,
    simulation::{self, Mistake},
};
use tokio::{
    task::{LocalSet, spawn_local},
    time::{Instant, sleep},
};

use crate::{
    bugs::Bug,
    commands::commit,
    consumer::consume,
    designs::{Design, RecordByRecord},
    functions::{RelayProcess, StreamFunction, SweeperProcess, nowhere},
    mapping::Mapping,
    operators::{Remedy, answer_the_pager, be_on_call, remedy, replay},
    truth::Truth,
    weather::{Fault, Operation},
    world::{State, World},
};

/// How often the sweeper is deployed to run.
const SWEEP_INTERVAL: Duration = Duration::from_mins(5);

/// How long the table may take to drain once nothing goes wrong any more. A shard
/// may wait a minute for its next try; the sweeper then takes a quarter of an
/// hour, and some.
const DRAINED_WITHIN: Duration = Duration::from_hours(2);

/// What makes a history, together with the plan.
pub type Seed = u64;

/// What a history is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many events are committed.
    pub events: u64,
    /// What publishes.
    pub design: Design,
    /// A deliberate mistake.
    pub bug: Option<Bug>,
    /// Whether somebody will read what happened.
    pub keeps_history: bool,
}

/// What became of a history.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Events that were committed.
    pub committed: u64,
    /// Events that nobody has any more, and the bus never got.
    pub lost: u64,
    /// Events that wait for a person in the table or the dead-letter queue.
    pub left: u64,
    /// Events that the bus got after a later one of their aggregate.
    pub out_of_order: u64,
    /// How long each event took that the bus got, in seconds.
    pub waits: Vec<i64>,
    /// Times the bus took an event that it had taken before.
    pub duplicates: u64,
    /// Events that went to a bus deleted less than a minute before.
    pub excused: u64,
    /// Events a person discarded.
    pub discarded: u64,
    /// Dead letters sent.
    pub dead_letters: u64,
    /// Times a function was invoked.
    pub invocations: u64,
    /// Times a process died.
    pub deaths: u64,
    /// Calls of services.
    pub calls: u64,
    /// Those that were not there to commit.
    pub calls_to_publish: u64,
    /// Simulated time.
    pub lasted: Duration,
    /// How often each fault struck each operation.
    pub faults: BTreeMap<(Operation, Fault), u64>,
    /// What must never have happened, and did.
    pub violations: Vec<String>,
    /// What happened, if somebody wanted to read it.
    pub history: Vec<String>,
}

impl Report {
    /// Adds another history's numbers.
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.lost += other.lost;
        self.left += other.left;
        self.out_of_order += other.out_of_order;
        self.waits.extend(&other.waits);
        self.calls_to_publish += other.calls_to_publish;
        self.duplicates += other.duplicates;
        self.excused += other.excused;
        self.discarded += other.discarded;
        self.dead_letters += other.dead_letters;
        self.invocations += other.invocations;
        self.deaths += other.deaths;
        self.calls += other.calls;
        self.lasted += other.lasted;
        for (struck, times) in &other.faults {
            *self.faults.entry(*struck).or_default() += times;
        }
    }

    /// How often each fault struck.
    pub fn faults_by_kind(&self) -> BTreeMap<Fault, u64> {
        let mut kinds = BTreeMap::new();
        for ((_, fault), times) in &self.faults {
            *kinds.entry(*fault).or_default() += times;
        }
        kinds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        let days = self.lasted.as_secs() / 86_400;
        for (name, count) in [
            ("events committed", self.committed),
            ("violations", self.violations.len() as u64),
            ("duplicates, each explained", self.duplicates),
            ("sent to a bus just deleted", self.excused),
            ("discarded by operators", self.discarded),
            ("dead letters", self.dead_letters),
            ("invocations", self.invocations),
            ("processes that died", self.deaths),
            ("calls of services", self.calls),
            ("simulated days", days),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        for (fault, times) in self.faults_by_kind() {
            table.add_row([format!("struck by {fault:?}"), times.to_string()]);
        }
        table.fmt(f)
    }
}

/// Makes the history of a seed, from its begin to its verdict.
///
/// # Panics
///
/// If the runtime cannot be made.
pub fn run(seed: Seed, plan: Plan) -> Report {
    // It takes chances when it is made, once in a process.
    nowhere();
    // Code of ours that is not told its chance takes it from here.
    fastrand::seed(seed);
    simulation::begin(match plan.bug {
        Some(Bug::SequenceNumbersAsText) => Some(Mistake::SequenceNumbersAsText),
        Some(Bug::AnswerTooEarly) => Some(Mistake::AnswerTooEarly),
        _ => None,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime that needs nothing but time");
    let local = LocalSet::new();
    let report = local.block_on(&runtime, live(seed, plan));
    drop(local);
    report
}

async fn live(seed: Seed, plan: Plan) -> Report {
    let begun = Instant::now();
    let is_calm = seed % 8 == 7;
    let world = World::new(seed, plan.bug, is_calm, plan.keeps_history);
    world.with(|state| state.design = plan.design);
    if plan.design != Design::ThisOne {
        return compare(&world, plan, begun).await;
    }
    let mapping = Rc::new(RefCell::new(start::<RelayProcess>(&world)));
    let mut tasks = vec![spawn_local(sweep(world.clone()))];
    for _ in 0..world.between(1..3) {
        tasks.push(spawn_local(consume(world.clone())));
    }
    let lasting = tasks.len();
    let committing = spawn_local(commit(world.clone(), plan.events));
    if !is_calm {
        tasks.push(spawn_local(turn_weather(world.clone())));
        tasks.push(spawn_local(meddle::<RelayProcess>(
            world.clone(),
            Rc::clone(&mapping),
        )));
        tasks.push(spawn_local(be_on_call(world.clone())));
        tasks.push(spawn_local(answer_the_pager(world.clone())));
    }

    until(&world, || committing.is_finished()).await;
    if !is_calm {
        let at_most = if world.chance(0.2) { 36 } else { 6 };
        let more = Duration::from_secs(world.between(60..at_most * 3_600));
        let end = Instant::now() + more;
        until(&world, || Instant::now() >= end).await;
    }

    // From now on nothing goes wrong.
    for task in tasks.drain(lasting..) {
        task.abort();
    }
    let calls = world.with(|state| {
        state.weather.clear();
        state.is_over = true;
        state.is_relay_broken = false;
        state.bus_gone_since = None;
        state.is_sweeper_off = state.bug == Some(Bug::NoSweeper);
        state.read_newer_rows();
        state.counts.calls
    });
    world.read_twice_for(Duration::ZERO);
    world.log(|| "the faults have stopped".to_owned());
    *mapping.borrow_mut() = None;
    *mapping.borrow_mut() = start::<RelayProcess>(&world);
    drain(&world).await;
    expect_nothing_pending(&world);
    settle_what_is_parked(&world).await;
    judge(&world, calls, plan.events);
    for task in tasks {
        task.abort();
    }
    report(&world, begun)
}

/// The history of a design that has nothing but a function behind a stream.
async fn compare(world: &World, plan: Plan, begun: Instant) -> Report {
    let mapping = Rc::new(RefCell::new(start::<RecordByRecord>(world)));
    let trouble = [
        spawn_local(turn_weather(world.clone())),
        spawn_local(meddle::<RecordByRecord>(world.clone(), Rc::clone(&mapping))),
    ];
    commit(world.clone(), plan.events).await;
    let more = Duration::from_secs(world.between(60..36 * 3_600));
    sleep(more).await;
    for task in trouble {
        task.abort();
    }
    world.with(|state| {
        state.weather.clear();
        state.is_relay_broken = false;
        state.bus_gone_since = None;
    });
    if mapping.borrow().is_none() {
        *mapping.borrow_mut() = start::<RecordByRecord>(world);
    }
    // Longer than a stream keeps what cannot be published.
    sleep(Duration::from_hours(50)).await;
    report(world, begun)
}

/// Starts the mapping of the design, if it has one.
fn start<F: StreamFunction>(world: &World) -> Option<Mapping> {
    let settings = world.with(|state| state.design).mapping()?;
    Some(Mapping::start::<F>(world, settings))
}

async fn until(world: &World, is_over: impl Fn() -> bool) {
    while !is_over() && !world.is_violated() {
        sleep(Duration::from_secs(20)).await;
    }
}

/// Waits until nothing is pending, as long as that may take.
async fn drain(world: &World) {
    let end = Instant::now() + DRAINED_WITHIN;
    let is_drained = || {
        world.with(|state| {
            state.deliveries.is_empty() && state.rows.values().all(|row| row.parked.is_some())
        }) || Instant::now() >= end
    };
    until(world, is_drained).await;
}

/// In the end every operator does what there is to do.
async fn settle_what_is_parked(world: &World) {
    for mends in [true, false] {
        let parked: Vec<RowKey> = world.with(|state| {
            let parked = state.rows.iter().filter(|(_, row)| row.parked.is_some());
            parked.map(|(key, _)| key.clone()).collect()
        });
        for key in parked {
            let is_edited = mends && world.chance(0.5);
            let what = if is_edited {
                Remedy::Edit
            } else {
                Remedy::Discard
            };
            remedy(world, what, &key).await;
        }
        drain(world).await;
        expect_nothing_pending(world);
        replay(world).await;
    }
}

/// What is still pending now would be for ever.
fn expect_nothing_pending(world: &World) {
    world.with(|state| {
        let mut pending = state.rows.iter().filter(|(_, row)| row.parked.is_none());
        let left = pending.next().map(|(key, row)| (key.clone(), row.clone()));
        if let Some((key, row)) = left {
            let told = format!("{key} is left: {row:?} of {:?}", state.events.get(&key));
            state.note(told);
            state.violate(
                "still pending long after the faults have stopped",
                Some(&key),
            );
        }
    });
}

/// What must hold once all is over.
fn judge(world: &World, calls_before: u64, events: u64) {
    world.with(|state| {
        if !state.violations.is_empty() {
            return;
        }
        let unsettled = |(_, truth): &(&RowKey, &Truth)| !truth.is_settled();
        let lost = state
            .events
            .iter()
            .find(|event| unsettled(event) && !state.rows.contains_key(event.0));
        if let Some(key) = lost.map(|(key, _)| key.clone()) {
            state.violate("lost", Some(&key));
        }
        let is_unhandled =
            |(_, truth): &(&RowKey, &Truth)| truth.effects != u32::from(!truth.accepted.is_empty());
        let unhandled = state.events.iter().find(is_unhandled);
        if let Some(key) = unhandled.map(|(key, _)| key.clone()) {
            state.violate("published, and never handled", Some(&key));
        }
        let left = state.rows.keys().next().cloned();
        if let Some(key) = left {
            state.violate(
                "left in the table though everybody has done their part",
                Some(&key),
            );
        }
        let discarded = state
            .events
            .iter()
            .find(|(key, truth)| truth.is_discarded && !state.audit.contains(*key));
        if let Some(key) = discarded.map(|(key, _)| key.clone()) {
            state.violate("discarded without a trace", Some(&key));
        }
        // A sweep of an empty table takes eight calls.
        let most = 20_000 + 20 * events;
        if state.counts.calls - calls_before > most {
            state.violate("no end of calls, though nothing goes wrong", None);
        }
    });
}

fn report(world: &World, begun: Instant) -> Report {
    let history = world.history();
    world.with(|state| Report {
        lost: state.count_events(Ending::Lost),
        left: state.count_events(Ending::Left),
        out_of_order: state.counts.out_of_order,
        waits: state.waits(),
        calls_to_publish: state.counts.calls - state.counts.calls_to_commit,
        committed: state.counts.committed,
        duplicates: state.counts.duplicates,
        excused: state
            .events
            .values()
            .filter(|truth| truth.excused && truth.accepted.is_empty())
            .count() as u64,
        discarded: state.counts.discarded,
        dead_letters: state.counts.dead_letters,
        invocations: state.counts.invocations,
        deaths: state.counts.deaths,
        calls: state.counts.calls,
        lasted: begun.elapsed(),
        faults: state.weather.met().clone(),
        violations: state
            .violations
            .iter()
            .map(|violation| match &violation.key {
                Some(key) => format!("{}: {key}", violation.what),
                None => violation.what.to_owned(),
            })
            .collect(),
        history,
    })
}

/// Where an event is that the bus never got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Lost,
    Left,
}

impl State {
    fn count_events(&self, ending: Ending) -> u64 {
        let has_table = matches!(self.design, Design::OneEventACall | Design::ThisOne);
        let mut named = BTreeSet::new();
        for queued in &self.queue {
            named.extend(self.named_by(&queued.message.body));
        }
        let unsettled = self.events.iter().filter(|(_, truth)| !truth.is_settled());
        let endings = unsettled.map(|(key, _)| {
            if has_table && self.rows.contains_key(key) || named.contains(key) {
                Ending::Left
            } else {
                Ending::Lost
            }
        });
        endings.filter(|found| *found == ending).count() as u64
    }

    fn waits(&self) -> Vec<i64> {
        let first = |truth: &Truth| {
            let first = truth.accepted.first()?;
            Some(first.at.duration_since(truth.committed_at).as_secs())
        };
        self.events.values().filter_map(first).collect()
    }
}

async fn turn_weather(world: World) {
    loop {
        let told = world.with(|state| {
            let mut random = state.random.fork();
            state.weather.turn(&mut random, Instant::now())
        });
        world.log(|| told);
        sleep(Duration::from_secs(world.between(5..1_800))).await;
    }
}

/// The schedule and its function.
async fn sweep(world: World) {
    world.with(|state| state.is_sweeper_off = state.bug == Some(Bug::NoSweeper));
    let warm: Rc<RefCell<Option<SweeperProcess>>> = Rc::default();
    loop {
        sleep(SWEEP_INTERVAL).await;
        if world.with(|state| state.is_sweeper_off) {
            continue;
        }
        let times = match world.between(0..20) {
            // The schedule skips a beat, or has two.
            0 if !world.with(|state| state.is_calm) => 0,
            1 if !world.with(|state| state.is_calm) => 2,
            _ => 1,
        };
        for _ in 0..times {
            let process = warm.borrow_mut().take();
            let process = process.unwrap_or_else(|| SweeperProcess::start(&world));
            let warm = Rc::clone(&warm);
            spawn_local(async move {
                if let Some(process) = process.invoke().await {
                    *warm.borrow_mut() = Some(process);
                }
            });
        }
    }
}

/// What people and AWS do to the set-up.
async fn meddle<F: StreamFunction>(world: World, mapping: Rc<RefCell<Option<Mapping>>>) {
    loop {
        sleep(Duration::from_secs(world.between(60..4 * 3_600))).await;
        match world.between(0..10) {
            0 => {
                world.log(|| "the sweeper is off".to_owned());
                world.with(|state| state.is_sweeper_off = true);
                sleep(Duration::from_secs(world.between(600..12 * 3_600))).await;
                world.log(|| "the sweeper is on again".to_owned());
                world.with(|state| state.is_sweeper_off = state.bug == Some(Bug::NoSweeper));
            }
            1..3 => {
                world.log(|| "the shards split".to_owned());
                world.with(|state| state.stream.split());
                world.tell_news();
            }
            3 => {
                world.log(|| "a second mapping reads the stream".to_owned());
                let lasts = Duration::from_secs(world.between(10..7_200));
                world.read_twice_for(lasts);
                let _second = start::<F>(&world);
                sleep(lasts).await;
            }
            4 => {
                world.log(|| "publishing is paused".to_owned());
                *mapping.borrow_mut() = None;
                world.with(|state| state.is_sweeper_off = state.random.bool());
                sleep(Duration::from_secs(world.between(10..30 * 3_600))).await;
                world.log(|| "the mapping begins anew".to_owned());
                world.read_twice_for(Duration::ZERO);
                *mapping.borrow_mut() = start::<F>(&world);
                let has_replay = world.with(|state| state.design) == Design::ThisOne;
                if has_replay && world.chance(0.5) {
                    // A person does not wait for the sweeper.
                    sleep(Duration::from_secs(world.between(1..300))).await;
                    replay(&world).await;
                }
                world.with(|state| state.is_sweeper_off = state.bug == Some(Bug::NoSweeper));
            }
            5 => {
                world.log(|| "a release breaks the relay".to_owned());
                world.with(|state| {
                    state.is_relay_broken = true;
                    state.is_sweeper_off |= state.random.bool();
                });
                sleep(Duration::from_secs(world.between(60..4 * 3_600))).await;
                world.log(|| "the release is taken back".to_owned());
                world.with(|state| {
                    state.is_relay_broken = false;
                    state.is_sweeper_off = state.bug == Some(Bug::NoSweeper);
                });
            }
            6 => {
                world.log(|| "the bus is deleted".to_owned());
                world.with(|state| state.bus_gone_since = Some(Instant::now()));
                sleep(Duration::from_secs(world.between(10..7_200))).await;
                world.log(|| "there is a bus again".to_owned());
                world.with(|state| state.bus_gone_since = None);
            }
            7..9 => world.with(|state| {
                // The bus comes to like what it refused.
                let poisoned: Vec<_> = state.poisoned.iter().cloned().collect();
                let set_aside = |(key, _): &&(RowKey, u64)| {
                    let row = state.rows.get(key);
                    row.is_some_and(|row| {
                        let is_json = row.row.as_ref().is_ok_and(|row| row.detail.ends_with('}'));
                        row.parked.is_some() && is_json
                    })
                };
                if let Some(poisoned) = poisoned.iter().find(set_aside) {
                    state.poisoned.remove(poisoned);
                }
            }),
            _ => world.with(|state| {
                if !state.queue.is_empty() {
                    // A dead letter gets lost.
                    let index = state.random.usize(..state.queue.len());
                    state.queue.remove(index);
                }
            }),
        }
    }
}
