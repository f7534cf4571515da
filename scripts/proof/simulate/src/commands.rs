//! Services that change things and commit events, several of them at once.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use jiff::Timestamp;
use outbox::{
    AggregateWrite, CommitError, InvalidSource, KeySchema, Outbox, Revision, Transaction,
    at_once::AtOnce, relay::Order,
};
use outbox_testing::{Fault, OUTBOX_TABLE, Operation, unreachable_client};
use tokio::{task::spawn_local, time::Instant};
use uuid::Uuid;

use crate::{
    caller::{Caller, Role},
    design::Design,
    freeze,
    functions::run_invocation,
    mutants::Mutant,
    record_by_record::publish_after_commit,
    simulation::Simulation,
    state::State,
    things::{KnownThing, TABLE, Thing, ThingHappened, id_of, key_of_new},
};

/// How long a client waits for its command.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(29);

/// How long a service may take to publish after its response.
const AT_ONCE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a command is attempted, if others modify the thing concurrently.
const ATTEMPTS: u32 = 5;

/// A process of a service that changes things.
struct Service {
    caller: Caller,
    outbox: Outbox,
    /// Publishes what it has committed, in some histories.
    at_once: Option<Rc<AtOnce<Caller, Caller>>>,
    /// The things it has read; another service may have changed them since.
    known: HashMap<u64, KnownThing>,
}

/// The outcome of a command.
enum Outcome {
    Done,
    /// Reported to the client, which gives up.
    Failed,
}

/// Runs services until they have committed this many events, in bursts with pauses.
pub(crate) async fn commit(simulation: Simulation, events: u64) {
    let things = simulation.between(1..40);
    commit_about(simulation, things, events).await;
}

/// Does the same about this many things.
pub(crate) async fn commit_about(simulation: Simulation, things: u64, events: u64) {
    let is_fault_free = simulation.with(|state| state.is_fault_free);
    let services = if is_fault_free {
        1
    } else {
        simulation.between(1..4)
    };
    let services: Vec<_> = (0..services)
        .map(|_| spawn_local(serve(simulation.clone(), things, events)))
        .collect();
    for service in services {
        // A panic of a service is one of the history.
        service
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// Sends commands to a service, one at a time.
async fn serve(simulation: Simulation, things: u64, events: u64) {
    let mut service = Service::start(&simulation);
    while simulation.with(|state| state.counts.committed < events) {
        let left = events - simulation.with(|state| state.counts.committed).min(events);
        let thing = simulation.between(0..things);
        let count = simulation.between(1..4).min(left).max(1);
        let caller = service.caller.clone();
        let invocation = service.invoke(thing, count);
        let outcome = run_invocation(&caller, CLIENT_TIMEOUT, invocation).await;
        if outcome.is_none() {
            service = Service::start(&simulation);
        }
        let pause = match simulation.between(0..100) {
            // After a failed command a client waits.
            _ if !matches!(outcome, Some(Outcome::Done)) => {
                Duration::from_secs(simulation.between(1..60))
            }
            0..60 => Duration::ZERO,
            60..85 => Duration::from_millis(simulation.between(1..500)),
            85..94 => Duration::from_secs(simulation.between(1..120)),
            94..99 => Duration::from_secs(simulation.between(120..1_800)),
            _ => Duration::from_secs(simulation.between(1_800..14_400)),
        };
        freeze::pause(&simulation, pause).await;
    }
}

impl Service {
    fn start(simulation: &Simulation) -> Self {
        let caller = Caller::new(simulation, Role::Service);
        // The source is valid.
        let mut outbox = outbox(&caller).unwrap_or_else(|error| unreachable!("{error}"));
        let at_once = at_once(&caller);
        if let Some(at_once) = &at_once {
            outbox = outbox.with_hand_over(at_once.hand_over());
        }
        Self {
            outbox,
            at_once: at_once.map(Rc::new),
            caller,
            known: HashMap::new(),
        }
    }

    /// Handles a command, and then publishes its events, if that is not left to the stream.
    async fn invoke(&mut self, thing: u64, events: u64) -> Outcome {
        let outcome = self.handle(thing, events).await;
        let Some(at_once) = self.at_once.clone() else {
            return outcome;
        };
        let simulation = self.caller.simulation.clone();
        let publish = async move {
            let report = at_once.publish(Instant::now() + AT_ONCE_TIMEOUT).await;
            simulation.log(|| format!("published at once: {report:?}"));
        };
        if self.caller.has(Mutant::PublishAfterInvocation) {
            spawn_local(publish);
        } else {
            publish.await;
        }
        outcome
    }

    /// Changes a thing, with this many events about it.
    async fn handle(&mut self, thing: u64, events: u64) -> Outcome {
        for _ in 0..ATTEMPTS {
            let Ok(base) = self.read(thing).await else {
                return Outcome::Failed;
            };
            let command = self.caller.simulation.with(State::new_id);
            let is_careless = self.caller.simulation.chance(0.05);
            let pk = match &base {
                Some(known) => known.pk.clone(),
                None => key_of_new(thing, is_careless),
            };
            let base = base.map(|known| known.revision);
            let item = Thing { pk, command };
            let transaction = self.decide(id_of(thing), base, &item, events);
            let committed = self.commit(&transaction, command).await;
            match committed {
                Ok(revision) => {
                    let known = KnownThing {
                        pk: item.pk,
                        revision,
                    };
                    self.known.insert(thing, known);
                    return Outcome::Done;
                }
                Err(CommitError::ConditionFailed(_)) => {
                    self.known.remove(&thing);
                }
                Err(_) => return Outcome::Failed,
            }
        }
        Outcome::Failed
    }

    /// Returns the transaction of a command, based on the revision that was read.
    fn decide(&self, id: String, base: Option<Revision>, item: &Thing, events: u64) -> Transaction {
        let key = KeySchema::partition_key("pk");
        let write = match base {
            None => AggregateWrite::create(id, TABLE, key, item),
            Some(base) => AggregateWrite::replace(id, TABLE, key, item, base),
        };
        let happened = ThingHappened {
            command: item.command,
        };
        let events = (0..events).map(|_| &happened);
        self.outbox.transaction(write).events(events)
    }

    /// Commits, and checks that what the library reports is true.
    async fn commit(
        &self,
        transaction: &Transaction,
        command: u64,
    ) -> Result<Revision, CommitError> {
        let simulation = &self.caller.simulation;
        let committed = match transaction.commit().await {
            // Retrying the same transaction is always safe.
            Err(error) if error.is_retryable() && simulation.chance(0.5) => {
                transaction.commit().await
            }
            committed => committed,
        };
        simulation.log(|| match &committed {
            Ok(committed) => {
                let first = committed.events.first().map(ToString::to_string);
                let count = committed.events.len();
                format!("committed {}, {count} events", first.unwrap_or_default())
            }
            Err(error) => format!("did not commit: {error}"),
        });
        let was_written = simulation.with(|state| state.commands.contains(&command));
        match &committed {
            Ok(_) if !was_written => {
                simulation.with(|state| state.violate("reported as committed, but was not", None));
            }
            Ok(_) | Err(CommitError::OutcomeUnknown(_)) => {}
            Err(_) if was_written => {
                simulation
                    .with(|state| state.violate("reported as failed, but was committed", None));
            }
            Err(_) => {}
        }
        let committed = committed?;
        if simulation.with(|state| state.design) == Design::DualWrite {
            publish_after_commit(&self.caller, &committed.events).await;
        }
        Ok(committed.revision)
    }

    /// Returns the thing as this service knows it; `None` if there is no such thing yet.
    async fn read(&mut self, thing: u64) -> Result<Option<KnownThing>, ()> {
        if let Some(known) = self.known.get(&thing) {
            return Ok(Some(known.clone()));
        }
        let read = |state: &mut State, _: Option<&Fault>| state.read_thing(thing);
        let read = self.caller.try_call(Operation::GetItem.into(), read).await;
        read.map_err(|_| ())
    }
}

/// Returns what publishes the service's events at once, in the histories that have it.
fn at_once(caller: &Caller) -> Option<AtOnce<Caller, Caller>> {
    let simulation = &caller.simulation;
    if !simulation.with(|state| state.publishes_at_once) {
        return None;
    }
    let order = if caller.has(Mutant::UnorderedWriter) {
        Order::BestEffort
    } else {
        simulation.with(|state| state.order)
    };
    let random = fastrand::Rng::with_seed(simulation.between(0..u64::MAX));
    let at_once = AtOnce::new(caller.clone(), caller.clone()).with_order(order);
    Some(at_once.with_time_and_chance(Arc::new(caller.clock.clone()), random))
}

fn outbox(caller: &Caller) -> Result<Outbox, InvalidSource> {
    let outbox = Outbox::new(unreachable_client(), OUTBOX_TABLE, "things")?;
    let outbox = outbox.with_clock(caller.clock.clone());
    Ok(outbox.with_event_ids(event_id).on(Arc::new(caller.clone())))
}

/// Returns a UUIDv7 of the time. Its random part comes from the seed of the history.
fn event_id(time: Timestamp) -> Uuid {
    let random = fastrand::u128(..).to_be_bytes();
    let random = random.first_chunk().expect("16 bytes are more than 10");
    let milliseconds = time.as_millisecond().unsigned_abs();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, random).into_uuid()
}
