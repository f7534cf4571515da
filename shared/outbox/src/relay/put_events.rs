//! Sending a schedule's requests, several at once.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use crate::{
    Clock, OutboxRow, RowKey,
    ports::{CallError, EventBus, PutResult},
    relay::{
        budget::Budget,
        bus_check::BusCheck,
        retry::{Pauses, within},
        schedule::{Request, Schedule},
    },
};

/// Requests under way at once. A whole processor makes one in some 0.4 ms, and the bus
/// answers the first in 10 to 30 ms.
const REQUESTS_AT_ONCE: usize = 64;

type Answer = (Request, Result<Vec<PutResult>, CallError>);

/// What puts events on the bus.
pub(super) struct Puts<'r, B> {
    pub(super) bus: &'r B,
    pub(super) bus_check: &'r BusCheck,
    pub(super) pauses: &'r Pauses,
    pub(super) clock: &'r dyn Clock,
    pub(super) budget: &'r Budget,
}

impl<B: EventBus> Puts<'_, B> {
    /// Puts everything scheduled on the bus that can be put there in time, and what
    /// is taken in of the parts that come meanwhile. Each row the bus has goes to
    /// `accepted` at once.
    pub(super) async fn put<P>(
        &self,
        schedule: &mut Schedule,
        mut parts: impl Stream<Item = P> + Unpin,
        mut take_in: impl FnMut(P, &mut Schedule),
        accepted: &UnboundedSender<RowKey>,
    ) {
        let put_until = self.budget.put_until;
        let mut under_way = FuturesUnordered::new();
        let mut more_come = true;
        loop {
            while under_way.len() < REQUESTS_AT_ONCE && Instant::now() < put_until {
                let Some(request) = schedule.next(Instant::now()) else {
                    break;
                };
                under_way.push(self.send(request));
            }
            // What could have been sent and was not, because too much was under way,
            // is not waited for once its time is over.
            let may_put = Instant::now() < put_until;
            let wake_at = schedule.wake_at();
            let wake_at = wake_at.filter(|time| may_put && *time < put_until);
            tokio::select! {
                // Not by chance, so that a simulated history can be repeated.
                biased;
                part = parts.next(), if more_come => match part {
                    Some(part) => take_in(part, schedule),
                    None => more_come = false,
                },
                Some(answer) = under_way.next(), if !under_way.is_empty() => {
                    self.take_answer(schedule, answer, accepted);
                }
                () = sleep_until(wake_at), if wake_at.is_some() && under_way.len() < REQUESTS_AT_ONCE => {}
                else => return,
            }
        }
    }

    async fn send(&self, request: Request) -> Answer {
        let rows: Vec<Arc<OutboxRow>> = request.rows();
        let Self { bus, budget, .. } = self;
        let confirmed = self.bus_check.confirm(*bus, self.pauses, budget.put_until);
        let answer = match confirmed.await {
            Ok(()) => within(budget.await_puts_until, bus.put(&rows)).await,
            Err(failure) => Err(CallError::SetUp(failure)),
        };
        (request, answer)
    }

    fn take_answer(
        &self,
        schedule: &mut Schedule,
        (request, answer): Answer,
        accepted: &UnboundedSender<RowKey>,
    ) {
        let pause = |failures| Instant::now() + self.pauses.after(failures);
        match answer {
            Ok(results) => {
                for key in schedule.answered(request, results, self.clock.now(), pause) {
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
}

async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}
