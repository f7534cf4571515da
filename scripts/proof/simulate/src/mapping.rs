//! Lambda's mapping from the stream to the relay: the crate `stream-mapping`, fed
//! from the simulated stream.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use jiff::SignedDuration;
use outbox::RowKey;
use serde_json::Value;
use stream_mapping::{
    Action, Filter, Invocation, Lane, Outcome, Record, Settings, Shard, StartingPosition,
};
use tokio::{
    task::{AbortHandle, JoinHandle, spawn_local},
    time::Instant,
};

use crate::{functions::StreamFunction, stream::Stream, world::World};

/// How long it takes at most until somebody looks whether there is more.
const LOOK_AGAIN: Duration = Duration::from_mins(5);

/// Records read at once.
const READ_AT_ONCE: usize = 1_000;

/// A mapping; it ends when this is dropped, and its invocations go on.
pub(crate) struct Mapping {
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

struct Driver<F> {
    world: World,
    settings: Settings,
    /// Shards somebody reads or has read.
    taken: Rc<RefCell<BTreeSet<String>>>,
    done: Rc<RefCell<BTreeSet<String>>>,
    idle: Rc<RefCell<Vec<F>>>,
    tasks: Rc<RefCell<Vec<AbortHandle>>>,
}

impl Mapping {
    /// A mapping with the settings of the construct, from the beginning of what
    /// the stream still has.
    pub(crate) fn start<F: StreamFunction>(world: &World, settings: Settings) -> Self {
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let driver = Rc::new(Driver::<F> {
            world: world.clone(),
            settings,
            taken: Rc::default(),
            done: Rc::default(),
            idle: Rc::default(),
            tasks: Rc::clone(&tasks),
        });
        let task = spawn_local(Rc::clone(&driver).find_shards());
        tasks.borrow_mut().push(task.abort_handle());
        Self { tasks }
    }
}

/// Starts the mapping of the design, if it has one.
pub(crate) fn start<F: StreamFunction>(world: &World) -> Option<Mapping> {
    let settings = world.with(|state| state.design).mapping()?;
    Some(Mapping::start::<F>(world, settings))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        for task in self.tasks.borrow().iter() {
            task.abort();
        }
    }
}

/// The settings of the deployed mapping.
pub(crate) fn deployed() -> Settings {
    Settings {
        batch_size: 100,
        maximum_retry_attempts: Some(30),
        maximum_record_age: Some(SignedDuration::from_hours(23)),
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        has_on_failure_destination: true,
        filter: Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap_or_default(),
        ..Settings::new(StartingPosition::TrimHorizon)
    }
}

impl<F: StreamFunction> Driver<F> {
    async fn find_shards(self: Rc<Self>) {
        loop {
            let ready: Vec<String> = self.world.with(|state| {
                let mut taken = self.taken.borrow_mut();
                let done = self.done.borrow();
                let shards = state.stream.shards.iter();
                let ready = shards.filter(|(id, shard)| {
                    let parent = shard.parent.as_ref();
                    !taken.contains(*id) && parent.is_none_or(|parent| done.contains(parent))
                });
                let ready: Vec<String> = ready.map(|(id, _)| id.clone()).collect();
                taken.extend(ready.iter().cloned());
                ready
            });
            for shard in ready {
                let task = spawn_local(Rc::clone(&self).drive(shard));
                self.tasks.borrow_mut().push(task.abort_handle());
            }
            self.world.news(LOOK_AGAIN).await;
        }
    }

    async fn drive(self: Rc<Self>, id: String) {
        let settings = self.settings.clone();
        let Ok(mut shard) = Shard::new(&id, Stream::ARN, "relay", settings) else {
            return;
        };
        let mut position = 0;
        loop {
            let has_ended = self.read(&id, &mut position, &mut shard);
            let wait = self.do_what_is_due(&mut shard).await;
            if has_ended && shard.backlog() == 0 {
                self.done.borrow_mut().insert(id);
                self.world.tell_news();
                return;
            }
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => self.world.news(LOOK_AGAIN).await,
            }
            // "Four times per second".
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Reads on. Answers whether there will never be more.
    fn read(&self, id: &str, position: &mut usize, shard: &mut Shard) -> bool {
        let now = self.world.now();
        self.world.with(|state| {
            *position = (*position).max(state.stream.trimmed(id, now));
            let Some(source) = state.stream.shards.get(id) else {
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

    /// Invokes and tells as long as there is something to do. Answers when there
    /// will be more, if that is known.
    async fn do_what_is_due(&self, shard: &mut Shard) -> Option<Duration> {
        loop {
            let now = self.world.now();
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
                    self.world.log(|| {
                        format!("gives up: {}", on_failure.message()["DDBStreamBatchInfo"])
                    });
                    self.world.with(|state| {
                        // Lambda's own message may get lost, and the record with it.
                        if state.random.u8(..20) > 0 {
                            state.send_letter(body, now);
                        }
                    });
                    self.world.page();
                    shard.on_failure_sent(lane);
                }
            }
        }
    }

    async fn invoke(&self, shard: &mut Shard, lane: Lane, records: Vec<Value>) {
        if self.world.chance(0.01) && !self.world.with(|state| state.is_calm) {
            shard.completed(
                lane,
                &Outcome::NotReached,
                &Invocation::default(),
                self.world.now(),
            );
            return;
        }
        if self.world.with(|state| state.is_relay_broken) {
            let now = self.world.now();
            shard.completed(lane, &Outcome::FunctionError, &Invocation::default(), now);
            return;
        }
        let process = self.idle.borrow_mut().pop();
        let process = process.unwrap_or_else(|| F::start(&self.world));
        // A task of its own: it goes on if the mapping is deleted.
        let begun = Instant::now();
        let invocation: JoinHandle<(Outcome, Option<F>)> =
            spawn_local(process.invoke(records.clone()));
        let (outcome, process) = match invocation.await {
            Ok(ended) => ended,
            Err(_) => (Outcome::FunctionError, None),
        };
        self.idle.borrow_mut().extend(process);
        let now = self.world.now();
        let consequence = shard.completed(lane, &outcome, &Invocation::default(), now);
        self.world
            .log(|| format!("batch of {}: {outcome:?}", records.len()));
        self.world.with(|state| {
            for record in &records[..consequence.done] {
                if let Some(key) = key_of(record) {
                    state.count_as_done(&key, begun, now);
                }
            }
        });
    }
}

pub(crate) fn key_of(record: &Value) -> Option<RowKey> {
    let keys = &record["dynamodb"]["Keys"];
    Some(RowKey {
        aggregate_id: keys["aggregateId"]["S"].as_str()?.to_owned(),
        position: keys["position"]["S"].as_str()?.to_owned(),
    })
}
