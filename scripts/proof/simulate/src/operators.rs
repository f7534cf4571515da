//! Who is on call: late at times, not always careful, and not always alone.

use std::{collections::BTreeSet, time::Duration};

use outbox::{
    RowKey,
    ports::{Discard, ParkedRows},
    replay::{Replay, Selection, check_detail},
};
use serde_json::{Value, json};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    caller::Caller,
    functions::{alive, relay},
    stream::Stream,
    world::{State, World},
};

/// How long a person lets a command run.
const PATIENCE: Duration = Duration::from_hours(2);

/// What a person does about a row that is set aside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Remedy {
    Edit,
    Discard,
    Unpark,
}

/// Looks in now and then, and does one thing or another.
pub(crate) async fn be_on_call(world: World) {
    // Some never look away.
    let looks_away_for = if world.chance(0.3) { 60 } else { 6 * 3_600 };
    loop {
        sleep(Duration::from_secs(world.between(1..looks_away_for))).await;
        match world.between(0..11) {
            0..5 => {
                let world = world.clone();
                spawn_local(async move { replay(&world).await });
            }
            5..7 => remedy_one(&world, Remedy::Edit).await,
            7 => remedy_one(&world, Remedy::Discard).await,
            8 => remedy_one(&world, Remedy::Unpark).await,
            9 => publish_one(&world).await,
            // A prank: letters of nobody, and about nothing.
            _ => world.with(forge),
        }
    }
}

/// Answers the pager, at times before the process that set a row aside knows that it
/// did.
pub(crate) async fn answer_the_pager(world: World) {
    loop {
        world.paged().await;
        let is_awake = world.chance(0.5);
        let takes = world.between(1..if is_awake { 200 } else { 8_000 });
        sleep(Duration::from_millis(takes)).await;
        match world.between(0..4) {
            0 => remedy_one(&world, Remedy::Edit).await,
            1 => remedy_one(&world, Remedy::Discard).await,
            2 => replay(&world).await,
            _ => {
                // A colleague does not wait for the other.
                let colleague = world.clone();
                spawn_local(async move { publish_one(&colleague).await });
            }
        }
    }
}

/// Replays everything in the dead-letter queue, or dies of it.
pub(crate) async fn replay(world: &World) {
    let caller = Caller::by_hand(world);
    let replay = Replay::new(
        relay(&caller),
        caller.clone(),
        caller.clone(),
        Stream::TABLE_ARN,
    );
    let selection = Selection::default();
    let running = replay.run(&selection, || false, |_, _| {});
    let summary = alive(&caller, PATIENCE, running).await;
    world.log(|| format!("an operator replayed: {summary:?}"));
}

async fn remedy_one(world: &World, what: Remedy) {
    let parked = world.with(|state| {
        let is_parked = |key: &&RowKey| state.rows[*key].parked.is_some();
        let parked: Vec<RowKey> = state.rows.keys().filter(is_parked).cloned().collect();
        state.random.choice(parked)
    });
    if let Some(key) = parked {
        remedy(world, what, &key).await;
    }
}

/// Does something about a row, with what the operators' tool is made of.
pub(crate) async fn remedy(world: &World, what: Remedy, key: &RowKey) {
    let caller = Caller::by_hand(world);
    let relay = relay(&caller);
    let wanted = BTreeSet::from([key.clone()]);
    let work = async {
        let is_done = match what {
            Remedy::Edit => edit(&caller, key).await,
            Remedy::Unpark => caller.unpark(key).await.is_ok(),
            Remedy::Discard => {
                let discard = Discard::new("ada", world.now(), "not wanted");
                if let Some(discard) = discard {
                    let _ = caller.discard(key, &discard).await;
                }
                false
            }
        };
        if is_done {
            let _ = relay.publish_through(&wanted).await;
        }
        is_done
    };
    let done = alive(&caller, PATIENCE, work).await;
    world.log(|| format!("an operator: {what:?} {key}: {done:?}"));
}

async fn edit(caller: &Caller, key: &RowKey) -> bool {
    let Ok(Some(stored)) = caller.read(key).await else {
        return false;
    };
    let Ok(row) = stored.arrival.row else {
        return false;
    };
    let told = caller.world.with(|state| state.told(key));
    let mut detail: Value = serde_json::from_str(&told).unwrap_or_default();
    detail["data"]["edited"] = json!(row.edits + 1);
    let detail = detail.to_string();
    if check_detail(&row, &detail).is_err() {
        return false;
    }
    // A person takes their time, and a colleague may be faster.
    let is_quick = caller.world.chance(0.5);
    let thinks = caller.world.between(0..if is_quick { 100 } else { 20_000 });
    sleep(Duration::from_millis(thinks)).await;
    let replaced = caller.replace_detail(key, &row.detail, &detail).await;
    replaced.is_ok_and(|is_done| is_done)
}

/// Publishes a row that is pending.
async fn publish_one(world: &World) {
    let pending = world.with(|state| {
        let keys: Vec<RowKey> = state.rows.keys().cloned().collect();
        state.random.choice(keys)
    });
    let Some(key) = pending else { return };
    let caller = Caller::by_hand(world);
    let relay = relay(&caller);
    let wanted = BTreeSet::from([key]);
    alive(&caller, PATIENCE, relay.publish_through(&wanted)).await;
}

/// Messages that are no dead letters of this outbox.
fn forge(state: &mut State) {
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
    /// What an event was to tell.
    fn told(&self, key: &RowKey) -> String {
        let truth = self.events.get(key);
        truth.map(|truth| truth.told.clone()).unwrap_or_default()
    }
}
