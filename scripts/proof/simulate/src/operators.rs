//! Operators on call: sometimes late, sometimes careless, sometimes two at once.

use std::{collections::BTreeSet, time::Duration};

use outbox::{
    RowKey,
    ports::{Discard, Edit, ParkedRows},
    replay::{Replay, Selection, check_detail},
};
use outbox_testing::TABLE_ARN;
use serde_json::{Value, json};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    caller::{Caller, Role},
    functions::{relay, run_invocation},
    mutants::Mutant,
    simulation::Simulation,
    state::State,
};

/// How long an operator lets a command run.
const COMMAND_TIMEOUT: Duration = Duration::from_hours(2);

/// What an operator does about a parked row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Remedy {
    Edit,
    Discard,
    Unpark,
}

/// Looks at the outbox from time to time, and does one thing or another.
pub(crate) async fn run_on_call(simulation: Simulation) {
    // Some operators look every minute.
    let longest_pause = if simulation.chance(0.3) {
        60
    } else {
        6 * 3_600
    };
    loop {
        sleep(Duration::from_secs(simulation.between(1..longest_pause))).await;
        match simulation.between(0..11) {
            0..5 => {
                let simulation = simulation.clone();
                spawn_local(async move { replay(&simulation).await });
            }
            5..7 => remedy_one(&simulation, Remedy::Edit).await,
            7 => remedy_one(&simulation, Remedy::Discard).await,
            8 => remedy_one(&simulation, Remedy::Unpark).await,
            9 => publish_one(&simulation).await,
            // Other software sends to the same queue.
            _ => simulation.with(send_foreign_messages),
        }
    }
}

/// Responds to pages, at times before the process that parked a row knows that it did.
pub(crate) async fn respond_to_pages(simulation: Simulation) {
    loop {
        simulation.paged().await;
        let is_awake = simulation.chance(0.5);
        let response_time = simulation.between(1..if is_awake { 200 } else { 8_000 });
        sleep(Duration::from_millis(response_time)).await;
        match simulation.between(0..4) {
            0 => remedy_one(&simulation, Remedy::Edit).await,
            1 => remedy_one(&simulation, Remedy::Discard).await,
            2 => replay(&simulation).await,
            _ => {
                // A colleague acts at the same time.
                let colleague = simulation.clone();
                spawn_local(async move { publish_one(&colleague).await });
            }
        }
    }
}

/// Replays everything in the dead-letter queue, or dies in it.
pub(crate) async fn replay(simulation: &Simulation) {
    let caller = Caller::new(simulation, Role::Operator);
    let replay = Replay::new(relay(&caller), caller.clone(), caller.clone(), TABLE_ARN);
    let selection = Selection::default();
    // Boxed, because it is a large future.
    let running = Box::pin(replay.run(&selection, || false, |_, _| {}));
    let summary = run_invocation(&caller, COMMAND_TIMEOUT, running).await;
    simulation.log(|| format!("an operator replayed: {summary:?}"));
}

async fn remedy_one(simulation: &Simulation, what: Remedy) {
    let parked = simulation.with(|state| {
        let parked = state.keys_of_rows(true);
        state.random.choice(parked)
    });
    if let Some(key) = parked {
        remedy(simulation, what, &key).await;
    }
}

/// Does something about a row, with what outboxctl is made of.
pub(crate) async fn remedy(simulation: &Simulation, what: Remedy, key: &RowKey) {
    let caller = Caller::new(simulation, Role::Operator);
    let relay = relay(&caller);
    let wanted = BTreeSet::from([key.clone()]);
    let work = async {
        let is_done = match what {
            Remedy::Edit => edit(&caller, key).await,
            Remedy::Unpark => caller.unpark(key).await.is_ok(),
            Remedy::Discard => {
                let discard = Discard::new("ada", simulation.now(), "not wanted");
                match discard {
                    Some(discard) => caller.discard(key, &discard).await == Ok(true),
                    None => false,
                }
            }
        };
        let forgets = matches!(what, Remedy::Discard) && caller.has(Mutant::ForgetHeldRows);
        if is_done && !forgets {
            relay.publish_rows(&wanted).await;
        }
        is_done
    };
    let done = run_invocation(&caller, COMMAND_TIMEOUT, work).await;
    if done == Some(true) {
        simulation.with(|state| state.check_held_are_published(key, caller.actor()));
    }
    simulation.log(|| format!("an operator: {what:?} {key}: {done:?}"));
}

async fn edit(caller: &Caller, key: &RowKey) -> bool {
    let Ok(Some(stored)) = caller.read(key).await else {
        return false;
    };
    let Ok(row) = stored.candidate.row else {
        return false;
    };
    let intended_detail = caller.simulation.with(|state| state.intended_detail(key));
    let mut detail: Value = serde_json::from_str(&intended_detail).unwrap_or_default();
    detail["data"]["edited"] = json!(row.edits + 1);
    let detail = detail.to_string();
    if check_detail(&row, &detail).is_err() {
        return false;
    }
    // The operator takes time to think, and a colleague may be faster.
    let is_quick = caller.simulation.chance(0.5);
    let thinking_time = caller
        .simulation
        .between(0..if is_quick { 100 } else { 20_000 });
    sleep(Duration::from_millis(thinking_time)).await;
    let edit = Edit {
        by: "ada".to_owned(),
        at: caller.simulation.now(),
        seen: row.detail.clone(),
        detail,
    };
    let replaced = caller.replace_detail(key, &edit).await;
    replaced.is_ok_and(|is_done| is_done)
}

/// Publishes a row from the table.
async fn publish_one(simulation: &Simulation) {
    let chosen = simulation.with(|state| {
        let rows = state.services.table.rows();
        let keys: Vec<RowKey> = rows.map(|(key, _)| key.clone()).collect();
        state.random.choice(keys)
    });
    let Some(key) = chosen else { return };
    let caller = Caller::new(simulation, Role::Operator);
    let relay = relay(&caller);
    let wanted = BTreeSet::from([key]);
    run_invocation(&caller, COMMAND_TIMEOUT, relay.publish_rows(&wanted)).await;
}

/// Sends messages that are no dead letters of this outbox.
fn send_foreign_messages(state: &mut State) {
    let some = state.events.len();
    for body in [
        json!({"hello": some}),
        json!({"table": "outbox", "aggregateId": "thing#0", "position": "1#none", "eventId": null,
            "code": "x", "message": "x", "bytes": 0, "sha256": "", "at": "2026-11-24T09:00:00Z"}),
    ] {
        state.send_letter(body.to_string(), jiff::Timestamp::UNIX_EPOCH);
    }
}

impl State {
    /// Returns the detail that the service meant to commit.
    fn intended_detail(&self, key: &RowKey) -> String {
        let event = self.events.get(key);
        event
            .map(|event| event.intended_detail.clone())
            .unwrap_or_default()
    }
}
