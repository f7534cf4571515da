//! Processes that are invoked, as Lambda has them: kept for the next invocation
//! if they answer, gone with all they remember if they die.

use std::{future::Future, time::Duration};

use jiff::SignedDuration;
use outbox::relay::{Relay, StreamEvent, StreamHandler, Sweeper};
use serde_json::{Value, json};
use stream_mapping::Outcome;
use tokio::time::{Instant, sleep};

use crate::{bugs::Bug, caller::Caller, truth::End, world::World};

/// The timeouts of the deployed functions.
const RELAY_TIMEOUT: Duration = Duration::from_mins(1);
const SWEEPER_TIMEOUT: Duration = Duration::from_mins(4);

/// The grace of the deployed sweeper.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// A process of the function behind the stream.
pub(crate) struct RelayProcess {
    caller: Caller,
    handler: StreamHandler<Caller, Caller, Caller>,
}

impl RelayProcess {
    pub(crate) fn start(world: &World) -> Self {
        let caller = Caller::new(world);
        let handler = StreamHandler::new(relay(&caller));
        Self { caller, handler }
    }

    /// Handles a batch, or dies of it. Answers what the mapping is told, and the
    /// process if it is still there.
    pub(crate) async fn invoke(self, records: Vec<Value>) -> (Outcome, Option<Self>) {
        let numbers: Vec<Value> = records
            .iter()
            .map(|record| record["dynamodb"]["SequenceNumber"].clone())
            .collect();
        let Ok(event) = serde_json::from_value::<StreamEvent>(json!({"Records": records})) else {
            return (Outcome::FunctionError, Some(self));
        };
        let handling = self.handler.handle(event, Instant::now() + RELAY_TIMEOUT);
        let Some(relayed) = alive(&self.caller, RELAY_TIMEOUT, handling).await else {
            return (Outcome::FunctionError, None);
        };
        let mut answer = serde_json::to_value(relayed.response).unwrap_or(Value::Null);
        let bug = self.caller.world.with(|state| state.bug);
        spoil(bug, &mut answer, &numbers);
        let payload = answer.to_string();
        (Outcome::Answered { payload }, Some(self))
    }
}

/// What a buggy function would answer.
fn spoil(bug: Option<Bug>, answer: &mut Value, numbers: &[Value]) {
    let failed = answer["batchItemFailures"][0]["itemIdentifier"].clone();
    if failed.is_null() {
        return;
    }
    match bug {
        Some(Bug::NullResponse) => *answer = Value::Null,
        Some(Bug::CheckpointPastFailure) => {
            let index = numbers.iter().position(|number| *number == failed);
            let next = index.and_then(|index| numbers.get(index + 1));
            answer["batchItemFailures"] = match next {
                Some(next) => json!([{"itemIdentifier": next}]),
                None => json!([]),
            };
        }
        _ => {}
    }
}

/// A process of the function on the schedule.
pub(crate) struct SweeperProcess {
    caller: Caller,
    sweeper: Sweeper<Caller, Caller, Caller>,
}

impl SweeperProcess {
    pub(crate) fn start(world: &World) -> Self {
        let caller = Caller::new(world);
        let sweeper = Sweeper::new(relay(&caller), GRACE);
        Self { caller, sweeper }
    }

    /// Sweeps, or dies of it.
    pub(crate) async fn invoke(self) -> Option<Self> {
        let sweeping = self.sweeper.sweep(Instant::now() + SWEEPER_TIMEOUT);
        alive(&self.caller, SWEEPER_TIMEOUT, sweeping).await?;
        Some(self)
    }
}

pub(crate) fn relay(caller: &Caller) -> Relay<Caller, Caller, Caller> {
    let world = &caller.world;
    let skew = i64::try_from(world.between(0..1_000)).unwrap_or(0) - 500;
    let random = fastrand::Rng::with_seed(world.between(0..u64::MAX));
    Relay::new(caller.clone(), caller.clone(), caller.clone())
        .with_time_and_chance(world.clock(SignedDuration::from_millis(skew)), random)
}

/// Lives through an invocation: ends with its answer, with death, or because the
/// time is up.
pub(crate) async fn alive<T>(
    caller: &Caller,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let actor = caller.begin();
    let answer = tokio::select! {
        biased;
        answer = work => Some(answer),
        () = caller.dies() => None,
        () = sleep(timeout) => None,
    };
    let end = if answer.is_some() {
        End::Answered
    } else {
        End::Died
    };
    caller.world.log(|| format!("invocation {actor} {end:?}"));
    caller.world.end(actor, end);
    answer
}
