//! Who commits events: services that change things, several of them at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use outbox::{
    AggregateWrite, CommitError, DomainEvent, InvalidSource, KeySchema, Outbox, Revision,
    Transaction,
};
use serde::Serialize;
use tokio::{task::spawn_local, time::sleep};

use crate::{
    caller::Caller,
    designs::{Design, publish_after_commit},
    functions::{alive, nowhere},
    weather::Operation,
    world::{State, World},
};

/// How long a client waits for its command.
const PATIENCE: Duration = Duration::from_secs(29);

/// How often a command is decided: again, if somebody else was faster.
const DECISIONS: u32 = 5;

#[derive(Serialize)]
struct Thing {
    pk: String,
    command: u64,
}

#[derive(Serialize)]
struct ThingHappened {
    command: u64,
}

impl DomainEvent for ThingHappened {
    fn event_type(&self) -> &str {
        "ThingHappened"
    }
}

/// A process of a service that changes things.
struct Service {
    caller: Caller,
    outbox: Outbox,
    /// Things as it saw them last; others may have changed them since.
    known: HashMap<u64, Revision>,
}

/// What became of a command.
enum Handled {
    Done,
    /// Told to the client, who gives up.
    Failed,
}

/// Commits this many events, in bursts with pauses.
pub(crate) async fn commit(world: World, events: u64) {
    let things = world.between(1..40);
    let is_calm = world.with(|state| state.is_calm);
    let services = if is_calm { 1 } else { world.between(1..4) };
    let services: Vec<_> = (0..services)
        .map(|_| spawn_local(serve(world.clone(), things, events)))
        .collect();
    for service in services {
        // If it panicked, so does the history.
        service
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

async fn serve(world: World, things: u64, events: u64) {
    let mut service = Service::start(&world);
    while world.with(|state| state.counts.committed < events) {
        let left = events - world.with(|state| state.counts.committed).min(events);
        let thing = world.between(0..things);
        let count = world.between(1..4).min(left).max(1);
        let caller = service.caller.clone();
        let handled = alive(&caller, PATIENCE, service.handle(thing, count)).await;
        if handled.is_none() {
            service = Service::start(&world);
        }
        let pause = match world.between(0..100) {
            // A client whose command failed does not come again at once.
            _ if !matches!(handled, Some(Handled::Done)) => {
                Duration::from_secs(world.between(1..60))
            }
            0..60 => Duration::ZERO,
            60..85 => Duration::from_millis(world.between(1..500)),
            85..94 => Duration::from_secs(world.between(1..120)),
            94..99 => Duration::from_secs(world.between(120..1_800)),
            _ => Duration::from_secs(world.between(1_800..14_400)),
        };
        sleep(pause).await;
    }
}

impl Service {
    fn start(world: &World) -> Self {
        let caller = Caller::new(world);
        Self {
            // Its source is one the library takes.
            outbox: outbox(&caller).unwrap_or_else(|error| unreachable!("{error}")),
            caller,
            known: HashMap::new(),
        }
    }

    /// Changes a thing, and tells of it by so many events.
    async fn handle(&mut self, thing: u64, events: u64) -> Handled {
        for _ in 0..DECISIONS {
            let Ok(base) = self.revision(thing).await else {
                return Handled::Failed;
            };
            let command = self.caller.world.with(State::new_id);
            let transaction = self.decide(thing, base, command, events);
            let committed = self.commit(&transaction, command).await;
            match committed {
                Ok(revision) => {
                    self.known.insert(thing, revision);
                    return Handled::Done;
                }
                Err(CommitError::ConditionFailed(_)) => {
                    self.known.remove(&thing);
                }
                Err(_) => return Handled::Failed,
            }
        }
        Handled::Failed
    }

    fn decide(&self, thing: u64, base: Option<Revision>, command: u64, events: u64) -> Transaction {
        let id = format!("thing#{thing}");
        let item = Thing {
            pk: id.clone(),
            command,
        };
        let key = KeySchema::partition_key("pk");
        let write = match base {
            None => AggregateWrite::create(id, "things", key, &item),
            Some(base) => AggregateWrite::replace(id, "things", key, &item, base),
        };
        let happened = ThingHappened { command };
        let events = (0..events).map(|_| &happened);
        self.outbox.transaction(write).events(events)
    }

    /// Commits, and checks that what the library tells is so.
    async fn commit(
        &self,
        transaction: &Transaction,
        command: u64,
    ) -> Result<Revision, CommitError> {
        let world = &self.caller.world;
        let committed = match transaction.commit().await {
            // Committing the same again is always safe.
            Err(error) if error.is_retryable() && world.chance(0.5) => transaction.commit().await,
            committed => committed,
        };
        world.log(|| match &committed {
            Ok(committed) => {
                let first = committed.events.first().map(ToString::to_string);
                let count = committed.events.len();
                format!("committed {}, {count} events", first.unwrap_or_default())
            }
            Err(error) => format!("did not commit: {error}"),
        });
        let was_written = world.with(|state| state.items.commands.contains(&command));
        match &committed {
            Ok(_) if !was_written => {
                world.with(|state| state.violate("told to be committed, and was not", None));
            }
            Ok(_) | Err(CommitError::OutcomeUnknown(_)) => {}
            Err(_) if was_written => {
                world.with(|state| state.violate("told not to be committed, and was", None));
            }
            Err(_) => {}
        }
        let committed = committed?;
        if world.with(|state| state.design) == Design::DualWrite {
            publish_after_commit(&self.caller, &committed.events).await;
        }
        Ok(committed.revision)
    }

    async fn revision(&mut self, thing: u64) -> Result<Option<Revision>, ()> {
        if let Some(known) = self.known.get(&thing) {
            return Ok(Some(*known));
        }
        let read = |state: &mut State, _| {
            let item = state.items.get("things", &format!("thing#{thing}"))?;
            serde_dynamo::from_item(item.clone()).ok()
        };
        let read = self.caller.try_to_call(Operation::GetItem, read).await;
        read.map_err(|_| ())
    }
}

fn outbox(caller: &Caller) -> Result<Outbox, InvalidSource> {
    let outbox = Outbox::new(nowhere(), "outbox", "things")?;
    let outbox = outbox.with_clock(caller.world.clock());
    Ok(outbox.on(Arc::new(caller.clone())))
}
