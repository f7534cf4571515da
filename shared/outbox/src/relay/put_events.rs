//! Sends the requests of a schedule, several at once.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use crate::{
    Clock, OutboxRow, RowKey,
    ports::{CallError, EventBus, PutResult},
    relay::{
        budget::Budget,
        bus_check::BusCheck,
        look_up::LookedUpPart,
        publication::Publication,
        retry::{Pauses, within},
        schedule::{Request, Schedule},
    },
};

/// Requests in flight at once. A processor builds one in about 0.4 ms, and the bus responds
/// in 10 to 30 ms, so fewer would leave the processor idle.
const REQUESTS_AT_ONCE: usize = 64;

/// A request and its result.
type Answer = (Request, Result<Vec<PutResult>, CallError>);

/// Puts events on the bus.
pub(super) struct Puts<'r, B> {
    pub(super) bus: &'r B,
    pub(super) bus_check: &'r BusCheck,
    pub(super) pauses: &'r Pauses,
    pub(super) clock: &'r dyn Clock,
    pub(super) budget: &'r Budget,
}

impl<B: EventBus> Puts<'_, B> {
    /// Sends all scheduled events for which there is time, and those of the parts that arrive
    /// meanwhile. Each accepted row goes to `accepted` at once.
    pub(super) async fn put(
        &self,
        publication: &mut Publication<'_, B>,
        mut parts: impl Stream<Item = LookedUpPart> + Unpin,
        accepted: &UnboundedSender<RowKey>,
    ) {
        let put_until = self.budget.put_until;
        let mut in_flight = FuturesUnordered::new();
        let mut more_come = true;
        loop {
            while in_flight.len() < REQUESTS_AT_ONCE && Instant::now() < put_until {
                let Some(request) = publication.schedule.next(Instant::now()) else {
                    break;
                };
                in_flight.push(self.send(request));
            }
            // No request begins after `put_until`, so there is no use in waiting for a pause
            // that ends later.
            let may_put = Instant::now() < put_until;
            let wake_at = publication.schedule.wake_at();
            let wake_at = wake_at.filter(|time| may_put && *time < put_until);
            tokio::select! {
                // In a fixed order, so that a simulation is reproducible.
                biased;
                part = parts.next(), if more_come => match part {
                    Some(part) => publication.add_part(part),
                    None => more_come = false,
                },
                Some(answer) = in_flight.next(), if !in_flight.is_empty() => {
                    self.apply(answer, &mut publication.schedule, accepted);
                }
                () = sleep_until(wake_at), if wake_at.is_some() && in_flight.len() < REQUESTS_AT_ONCE => {}
                else => return,
            }
        }
    }

    async fn send(&self, request: Request) -> Answer {
        let rows: Vec<Arc<OutboxRow>> = request.rows();
        let Self { bus, budget, .. } = self;
        // Before every request, not once a call: a call may outlast the confirmation.
        let confirmed = self
            .bus_check
            .confirm(*bus, self.clock, self.pauses, budget.put_until);
        let answer = match confirmed.await {
            Ok(()) => within(budget.await_puts_until, bus.put(&rows)).await,
            Err(failure) => Err(CallError::Configuration(failure.to_string())),
        };
        (request, answer)
    }

    /// Updates the schedule by the result of a request.
    fn apply(
        &self,
        (request, answer): Answer,
        schedule: &mut Schedule,
        accepted: &UnboundedSender<RowKey>,
    ) {
        let pause = |failures| Instant::now() + self.pauses.after(failures);
        match answer {
            Ok(results) => {
                for key in schedule.answered(request, results, self.clock.now(), pause) {
                    // The receiver outlives all senders. Even without it nothing is lost: the
                    // row would not be deleted.
                    let _ = accepted.send(key);
                }
            }
            Err(CallError::Transient(error)) => schedule.failed_for_now(request, &error, pause),
            Err(CallError::Content(error)) => schedule.rejected_for_content(request, &error),
            Err(CallError::Configuration(error)) => schedule.halt(request, &error),
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}
