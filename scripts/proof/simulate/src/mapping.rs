//! Lambda's stream mapping from the outbox table to the relay: the crate
//! `stream-mapping`, which reads the simulated stream.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use jiff::SignedDuration;
use outbox::RowKey;
use outbox_testing::STREAM_ARN;
use serde_json::Value;
use stream_mapping::{
    Action, Filter, Invocation, Lane, Outcome, Record, Settings, Shard, StartingPosition,
};
use tokio::{
    task::{AbortHandle, JoinHandle, spawn_local},
    time::{Instant, timeout},
};

use crate::{design::Design, functions::StreamFunction, simulation::Simulation};

/// How long a shard that is idle waits at most before it reads again.
const POLL_INTERVAL: Duration = Duration::from_mins(5);

/// Most records of one read.
const READ_AT_ONCE: usize = 1_000;

/// A running mapping. Dropping it ends the mapping; its invocations continue, as
/// Lambda's do.
pub(crate) struct Mapping {
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

/// What drives the shards of one mapping.
struct Driver<F> {
    simulation: Simulation,
    settings: Settings,
    /// The shards that are being read, or have been read to their end.
    started: Rc<RefCell<BTreeSet<String>>>,
    /// The shards that have been read to their end; only then are their children read.
    done: Rc<RefCell<BTreeSet<String>>>,
    /// Processes that are ready for an invocation.
    idle: Rc<RefCell<Vec<F>>>,
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

impl Mapping {
    /// Starts a mapping at the oldest record that the stream still has.
    fn start<F: StreamFunction>(simulation: &Simulation, settings: Settings) -> Self {
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let driver = Rc::new(Driver::<F> {
            simulation: simulation.clone(),
            settings,
            started: Rc::default(),
            done: Rc::default(),
            idle: Rc::default(),
            tasks: Rc::clone(&tasks),
        });
        let task = spawn_local(Rc::clone(&driver).find_shards());
        tasks.borrow_mut().push(task.abort_handle());
        Self { tasks }
    }
}

/// Starts the mapping of the history's design, if the design has one.
pub(crate) fn start<F: StreamFunction>(simulation: &Simulation) -> Option<Mapping> {
    let settings = settings_of(simulation.with(|state| state.design))?;
    Some(Mapping::start::<F>(simulation, settings))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        for task in self.tasks.borrow().iter() {
            task.abort();
        }
    }
}

/// Returns the settings of a design's mapping, if it has one.
fn settings_of(design: Design) -> Option<Settings> {
    match design {
        Design::DualWrite => None,
        Design::TableStreamWithCare | Design::BestEffort | Design::ThisOne | Design::Strict => {
            Some(deployed())
        }
        Design::TableStream | Design::OneEventACall => Some(Settings {
            batch_size: 100,
            filter: inserts(),
            ..Settings::new(StartingPosition::TrimHorizon)
        }),
    }
}

/// Returns the settings with which the construct deploys the mapping.
fn deployed() -> Settings {
    Settings {
        batch_size: 100,
        maximum_retry_attempts: Some(30),
        maximum_record_age: Some(SignedDuration::from_hours(23)),
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        has_on_failure_destination: true,
        filter: inserts(),
        ..Settings::new(StartingPosition::TrimHorizon)
    }
}

/// Returns the filter that passes inserted rows only.
fn inserts() -> Filter {
    Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap_or_default()
}

impl<F: StreamFunction> Driver<F> {
    /// Drives each shard from when its parent has been read to its end.
    async fn find_shards(self: Rc<Self>) {
        loop {
            let ready: Vec<String> = self.simulation.with(|state| {
                let mut started = self.started.borrow_mut();
                let done = self.done.borrow();
                let shards = state.services.stream.shards().iter();
                let ready = shards.filter(|(id, shard)| {
                    let parent = shard.parent.as_ref();
                    !started.contains(*id) && parent.is_none_or(|parent| done.contains(parent))
                });
                let ready: Vec<String> = ready.map(|(id, _)| id.clone()).collect();
                started.extend(ready.iter().cloned());
                ready
            });
            for shard in ready {
                let task = spawn_local(Rc::clone(&self).drive(shard));
                self.tasks.borrow_mut().push(task.abort_handle());
            }
            let _ = timeout(POLL_INTERVAL, self.simulation.stream_record()).await;
        }
    }

    /// Reads a shard and invokes the function, until the shard ends.
    async fn drive(self: Rc<Self>, id: String) {
        let settings = self.settings.clone();
        let Ok(mut shard) = Shard::new(&id, STREAM_ARN, "relay", settings) else {
            return;
        };
        let mut position = 0;
        loop {
            // Before the stream is read, so that no record is missed meanwhile.
            let new_record = self.simulation.stream_record();
            let has_ended = self.read(&id, &mut position, &mut shard);
            let wait = self.do_what_is_due(&mut shard).await;
            if has_ended && shard.backlog() == 0 {
                self.done.borrow_mut().insert(id);
                self.simulation.notify_mappings();
                return;
            }
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    let _ = timeout(POLL_INTERVAL, new_record).await;
                }
            }
            // Lambda polls each shard four times per second.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Reads the next records. Returns whether the shard has ended and was read to its end.
    fn read(&self, id: &str, position: &mut usize, shard: &mut Shard) -> bool {
        let now = self.simulation.now();
        self.simulation.with(|state| {
            *position = (*position).max(state.services.stream.trim_index(id, now));
            let Some(source) = state.services.stream.shards().get(id) else {
                return true;
            };
            let rest = source.records.get(*position..).unwrap_or_default();
            let records = rest.iter().take(READ_AT_ONCE);
            let records: Vec<Record> = records
                .filter_map(|record| Record::from_json(record.json.clone()).ok())
                .collect();
            *position += records.len();
            shard.push(records, now);
            source.has_ended && *position == source.records.len()
        })
    }

    /// Invokes the function and sends on-failure messages until the shard has to wait.
    /// Returns how long, if that is known.
    async fn do_what_is_due(&self, shard: &mut Shard) -> Option<Duration> {
        loop {
            let now = self.simulation.now();
            match shard.next(now) {
                Action::Idle => return None,
                Action::WaitUntil(time) => {
                    return Some(Duration::try_from(time.duration_since(now)).unwrap_or_default());
                }
                Action::Invoke(lane, batch) => {
                    let records: Vec<Value> =
                        batch.iter().map(|record| record.json().clone()).collect();
                    self.invoke(shard, lane, records).await;
                }
                Action::SendOnFailure(lane, on_failure) => {
                    let body = on_failure.message().to_string();
                    self.simulation.log(|| {
                        format!(
                            "gives up a batch: {}",
                            on_failure.message()["DDBStreamBatchInfo"]
                        )
                    });
                    self.simulation.with(|state| {
                        // Lambda's message may be lost; the rows remain, for the sweeper.
                        if state.random.u8(..20) > 0 {
                            state.send_letter(body, now);
                        }
                    });
                    self.simulation.page();
                    shard.on_failure_sent(lane);
                }
            }
        }
    }

    async fn invoke(&self, shard: &mut Shard, lane: Lane, records: Vec<Value>) {
        if self.simulation.chance(0.01) && !self.simulation.with(|state| state.is_fault_free) {
            shard.completed(
                lane,
                &Outcome::NotReached,
                &Invocation::default(),
                self.simulation.now(),
            );
            return;
        }
        if self.simulation.with(|state| state.is_relay_broken) {
            let now = self.simulation.now();
            shard.completed(lane, &Outcome::FunctionError, &Invocation::default(), now);
            return;
        }
        let process = self.idle.borrow_mut().pop();
        let process = process.unwrap_or_else(|| F::start(&self.simulation));
        // A task of its own: an invocation continues if the mapping is deleted.
        let begun = Instant::now();
        let invocation: JoinHandle<(Outcome, Option<F>)> =
            spawn_local(process.invoke(records.clone()));
        let (outcome, process) = match invocation.await {
            Ok(ended) => ended,
            Err(_) => (Outcome::FunctionError, None),
        };
        self.idle.borrow_mut().extend(process);
        let now = self.simulation.now();
        let consequence = shard.completed(lane, &outcome, &Invocation::default(), now);
        self.simulation
            .log(|| format!("batch of {}: {outcome:?}", records.len()));
        self.simulation.with(|state| {
            for record in &records[..consequence.done] {
                if let Some(key) = key_of(record) {
                    state.complete_record(&key, begun);
                }
            }
        });
    }
}

/// Returns the key of the row that a record is about.
pub(crate) fn key_of(record: &Value) -> Option<RowKey> {
    let keys = &record["dynamodb"]["Keys"];
    Some(RowKey {
        aggregate_id: keys["aggregateId"]["S"].as_str()?.to_owned(),
        position: keys["position"]["S"].as_str()?.to_owned(),
    })
}
