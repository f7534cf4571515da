//! Processes that are invoked, as Lambda has them: kept for the next invocation
//! if they answer, gone with all they remember if they die.

use std::{
    cell::RefCell,
    future::Future,
    rc::Rc,
    sync::{Arc, LazyLock},
    time::Duration,
};

use jiff::SignedDuration;
use outbox::{
    handlers::{StreamEvent, StreamHandler, Sweeper},
    relay::Relay,
};
use serde_json::{Value, json};
use stream_mapping::Outcome;
use tokio::{
    task::spawn_local,
    time::{Instant, sleep},
};

use crate::{bugs::Bug, caller::Caller, truth::End, world::World};

/// The timeouts of the deployed functions.
pub(crate) const RELAY_TIMEOUT: Duration = Duration::from_mins(1);
const SWEEPER_TIMEOUT: Duration = Duration::from_mins(4);

/// How often the sweeper is deployed to run.
const SWEEP_INTERVAL: Duration = Duration::from_mins(5);

/// The grace of the deployed sweeper.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// A process of a function behind the stream.
pub(crate) trait StreamFunction: Sized + 'static {
    /// A new process.
    fn start(world: &World) -> Self;

    /// Handles a batch, or dies of it. Answers what the mapping is told, and the
    /// process if it is still there.
    fn invoke(self, records: Vec<Value>)
    -> impl Future<Output = (Outcome, Option<Self>)> + 'static;
}

/// A process of our function behind the stream.
pub(crate) struct RelayProcess {
    caller: Caller,
    handler: StreamHandler<Caller, Caller, Caller>,
}

impl StreamFunction for RelayProcess {
    fn start(world: &World) -> Self {
        let caller = Caller::new(world);
        let handler = StreamHandler::new(relay(&caller));
        Self { caller, handler }
    }

    async fn invoke(self, records: Vec<Value>) -> (Outcome, Option<Self>) {
        let numbers: Vec<Value> = records
            .iter()
            .map(|record| record["dynamodb"]["SequenceNumber"].clone())
            .collect();
        let Ok(event) = serde_json::from_value::<StreamEvent>(json!({"Records": records})) else {
            return (Outcome::FunctionError, Some(self));
        };
        let handling = self.handler.handle(event, Instant::now() + RELAY_TIMEOUT);
        let Some(relayed) = alive(&self.caller, RELAY_TIMEOUT, handling).await else {
            self.caller.expect_in_time();
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
        if alive(&self.caller, SWEEPER_TIMEOUT, sweeping)
            .await
            .is_none()
        {
            self.caller.expect_in_time();
            return None;
        }
        Some(self)
    }
}

pub(crate) fn relay(caller: &Caller) -> Relay<Caller, Caller, Caller> {
    let world = &caller.world;
    let random = fastrand::Rng::with_seed(world.between(0..u64::MAX));
    Relay::new(caller.clone(), caller.clone(), caller.clone())
        .with_time_and_chance(Arc::new(world.clock()), random)
}

/// Lives through an invocation: ends with its answer, with death, or because the
/// time is up.
pub(crate) async fn alive<T>(
    caller: &Caller,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let world = &caller.world;
    let actor = caller.begin();
    let is_killed = world.with(|state| state.weather.kills(&mut state.random));
    let killed_after = timeout.mul_f64(world.with(|state| state.random.f64().powi(4)));
    let (answer, end) = tokio::select! {
        biased;
        answer = work => (Some(answer), End::Answered),
        () = caller.dies() => (None, End::Died),
        () = sleep(killed_after), if is_killed => (None, End::Died),
        () = sleep(timeout) => (None, End::OutOfTime),
    };
    world.log(|| format!("invocation {actor} {end:?}"));
    world.end(actor, end);
    answer
}

/// A client of nothing: what would use it is handed something else.
pub(crate) fn nowhere() -> aws_sdk_dynamodb::Client {
    static NOWHERE: LazyLock<aws_sdk_dynamodb::Client> = LazyLock::new(|| {
        let config = aws_sdk_dynamodb::Config::builder().behavior_version_latest();
        aws_sdk_dynamodb::Client::from_conf(config.build())
    });
    NOWHERE.clone()
}

/// The schedule and its function.
pub(crate) async fn sweep(world: World) {
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
