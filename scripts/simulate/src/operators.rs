//! Who is on call: late at times, and not always careful.

use std::{sync::Arc, time::Duration};

use outbox::{
    RowKey,
    relay::Unreadable,
    replay::{Replay, Selection},
};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    caller::Caller,
    functions::{alive, relay},
    stream::Stream,
    world::{State, World},
};

/// How long a person lets a replay run.
const PATIENCE: Duration = Duration::from_hours(2);

/// Looks in now and then, and does one thing or another.
pub(crate) async fn be_on_call(world: World) {
    // Some never look away.
    let looks_away_for = if world.chance(0.3) { 60 } else { 6 * 3_600 };
    loop {
        sleep(Duration::from_secs(world.between(1..looks_away_for))).await;
        match world.between(0..10) {
            0..5 => replay(&world).await,
            5..7 => world.with(mend_one),
            7 => world.with(discard_one),
            8 => world.with(unpark_one),
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
        sleep(Duration::from_millis(world.between(1..8_000))).await;
        match world.between(0..4) {
            0 => world.with(mend_one),
            1 => world.with(discard_one),
            _ => {}
        }
    }
}

/// Replays everything in the dead-letter queue, or dies of it.
pub(crate) async fn replay(world: &World) {
    let caller = Caller::new(world);
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

fn parked(state: &mut State) -> Option<RowKey> {
    let parked: Vec<&RowKey> = state
        .rows
        .iter()
        .filter(|(_, row)| row.parked.is_some())
        .map(|(key, _)| key)
        .collect();
    if parked.is_empty() {
        return None;
    }
    let index = state.random.usize(..parked.len());
    Some(parked[index].clone())
}

/// Corrects what is wrong with a row, and makes it pending again.
fn mend_one(state: &mut State) {
    if let Some(key) = parked(state) {
        state.mend(&key);
    }
}

/// Makes a row pending again, be it mended or not.
fn unpark_one(state: &mut State) {
    if let Some(key) = parked(state) {
        state.release(&key);
    }
}

fn discard_one(state: &mut State) {
    if let Some(key) = parked(state) {
        state.discard(&key);
    }
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
    pub(crate) fn mend(&mut self, key: &RowKey) {
        let (Some(truth), Some(row)) = (self.events.get_mut(key), self.rows.get_mut(key)) else {
            return;
        };
        let mut mended = (*truth.row).clone();
        mended.detail = format!("{{\"id\":\"{}\",\"mended\":true}}", mended.event_id);
        mended.edits = truth.current().edits + 1;
        let mended = Arc::new(mended);
        row.row = Ok(Arc::clone(&mended));
        truth.mended = Some(mended);
        self.poisoned.remove(key);
        self.release(key);
    }

    /// Makes a row pending again.
    fn release(&mut self, key: &RowKey) {
        if let (Some(truth), Some(row)) = (self.events.get_mut(key), self.rows.get_mut(key)) {
            truth.was_released = true;
            row.parked = None;
        }
    }

    pub(crate) fn discard(&mut self, key: &RowKey) {
        if self.rows.remove(key).is_none() {
            return;
        }
        self.counts.discarded += 1;
        self.audit.insert(key.clone());
        if let Some(truth) = self.events.get_mut(key) {
            truth.is_discarded = true;
        }
    }

    /// A newer version of the functions is deployed, which reads every row.
    pub(crate) fn read_newer_rows(&mut self) {
        for (key, row) in &mut self.rows {
            if matches!(row.row, Err(Unreadable::NewerFormat(_)))
                && let Some(truth) = self.events.get(key)
            {
                row.row = Ok(Arc::clone(truth.current()));
            }
        }
    }
}
