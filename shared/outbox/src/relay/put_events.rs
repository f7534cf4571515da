//! Sending a schedule's requests, several at once.

use std::sync::Arc;

use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use super::{
    budget::Budget,
    bus_check::BusCheck,
    call_error::CallError,
    event_bus::{EventBus, PutResult},
    retry::{Pauses, within},
    schedule::{Request, Schedule},
};
use crate::{Clock, OutboxRow, RowKey};

/// Requests under way at once. More than these the processor of a function hardly
/// makes while the bus answers the first, in some 10 to 30 ms.
const REQUESTS_AT_ONCE: usize = 64;

type Answer = (Request, Result<Vec<PutResult>, CallError>);

/// Puts everything scheduled on the bus that can be put there in time. Each row
/// the bus has goes to `accepted` at once.
pub(super) async fn put_events<B: EventBus>(
    bus: &B,
    bus_check: &BusCheck,
    pauses: &Pauses,
    schedule: &mut Schedule,
    budget: &Budget,
    clock: &dyn Clock,
    accepted: &UnboundedSender<RowKey>,
) {
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < REQUESTS_AT_ONCE && Instant::now() < budget.put_until {
            let Some(request) = schedule.next(Instant::now()) else {
                break;
            };
            under_way.push(send(bus, bus_check, pauses, request, budget));
        }
        // What could have been sent and was not, because too much was under way, is
        // not waited for once its time is over.
        let may_put = Instant::now() < budget.put_until;
        let wake_at = schedule.wake_at();
        let wake_at = wake_at.filter(|time| may_put && *time < budget.put_until);
        tokio::select! {
            // Not by chance, so that a simulated history can be repeated.
            biased;
            Some(answer) = under_way.next(), if !under_way.is_empty() => {
                take_answer(schedule, answer, pauses, clock.now(), accepted);
            }
            () = sleep_until(wake_at), if wake_at.is_some() && under_way.len() < REQUESTS_AT_ONCE => {}
            else => return,
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}

async fn send<B: EventBus>(
    bus: &B,
    bus_check: &BusCheck,
    pauses: &Pauses,
    request: Request,
    budget: &Budget,
) -> Answer {
    let rows: Vec<Arc<OutboxRow>> = request.rows();
    let answer = match bus_check.confirm(bus, pauses, budget.put_until).await {
        Ok(()) => within(budget.await_puts_until, bus.put(&rows)).await,
        Err(failure) => Err(CallError::SetUp(failure)),
    };
    (request, answer)
}

fn take_answer(
    schedule: &mut Schedule,
    (request, answer): Answer,
    pauses: &Pauses,
    at: Timestamp,
    accepted: &UnboundedSender<RowKey>,
) {
    let pause = |failures| Instant::now() + pauses.after(failures);
    match answer {
        Ok(results) => {
            for key in schedule.answered(request, results, at, pause) {
                // The receiver lives until all senders are gone, and even
                // without it nothing is lost: the row is not deleted.
                let _ = accepted.send(key);
            }
        }
        Err(CallError::Transient(error)) => schedule.failed_for_now(request, &error, pause),
        Err(CallError::Content(error)) => schedule.refused_for_content(request, &error),
        Err(CallError::SetUp(error)) => schedule.halt(request, &error),
    }
}
