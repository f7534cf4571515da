//! Sends the requests of a schedule, several at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, future::Either, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::{Instant, timeout_at},
};

#[cfg(feature = "opentelemetry")]
use crate::relay::put_spans::PutSpans;
use crate::{
    Clock, OutboxRow, RowKey,
    ports::{CallError, EventBus, OutboxTable, PutResult},
    relay::{
        BusError, Halt,
        budget::Budget,
        bus_check::BusCheck,
        delete_check::DeleteState,
        look_up::LookedUpPart,
        publication::Publication,
        retry::Pauses,
        schedule::{Request, Schedule},
        waiting_rows::{Excluded, find_waiting_rows},
    },
};

/// Requests in flight at once, of one call of the relay and of all its aggregates together. A
/// processor builds a request in about 0.2 ms, and the bus responds in 10 to 30 ms, so 50 to 150
/// keep it busy. They hold up to 1,280 events, of 10 each: a larger batch goes on with each
/// response. Of one aggregate one request is in flight, because its events go in sequence.
const REQUESTS_AT_ONCE: usize = 128;

/// How long the first put of an event is awaited. A bus that is slow is not down, and a put whose
/// response may still come is not repeated, because the bus may accept both.
const FIRST_PUT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the put after one without a response is awaited. It is for a connection that broke
/// unnoticed, for example while the process was frozen.
const REPEATED_PUT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an event without a response is not sent again, at least. Meanwhile other events
/// show whether the bus works.
const PAUSE_WITHOUT_ANSWER: Duration = Duration::from_secs(1);

/// A request and its result.
type Answer = (Request, Result<Vec<PutResult>, PutError>);

/// What the loop waits for.
enum Arrival {
    Answer(Answer),
    /// Other rows that wait in the table.
    Others(LookedUpPart),
}

/// Why a request has no results.
enum PutError {
    /// The bus is not known to exist.
    Bus(BusError),
    /// The bus returned an error.
    Call(CallError),
}

/// Puts events on the bus.
pub(super) struct Puts<'r, B, T> {
    pub(super) bus: &'r B,
    pub(super) table: &'r T,
    pub(super) bus_check: &'r BusCheck,
    pub(super) pauses: &'r Pauses,
    pub(super) clock: &'r dyn Clock,
    pub(super) budget: &'r Budget,
    /// Rows that an earlier call has published. They are deleted first, which shows whether
    /// deletes are allowed.
    pub(super) left_over: &'r BTreeSet<RowKey>,
}

impl<B: EventBus, T: OutboxTable> Puts<'_, B, T> {
    /// Sends all scheduled events for which there is time, and those of the parts that arrive
    /// meanwhile. Each accepted row goes to `accepted` at once.
    pub(super) async fn put(
        &self,
        publication: &mut Publication<'_, B>,
        mut parts: impl Stream<Item = LookedUpPart> + Unpin,
        accepted: &UnboundedSender<RowKey>,
        mut deletes: watch::Receiver<DeleteState>,
    ) {
        let put_until = self.budget.put_until;
        let mut in_flight = FuturesUnordered::new();
        let mut more_come = true;
        // While it isn't known whether deletes are allowed: a request was sent, and nothing
        // shows yet whether what it published can be deleted.
        let mut awaits_delete = !self.left_over.is_empty();
        loop {
            let state = deletes.borrow_and_update().clone();
            if let DeleteState::Denied(error) = &state {
                publication.schedule.halt_all(&Halt::Delete(error.clone()));
            }
            let at_once = requests_at_once(&state, awaits_delete);
            while in_flight.len() < at_once && self.budget.may_put(Instant::now()) {
                let Some(request) = publication.schedule.next(Instant::now()) else {
                    break;
                };
                in_flight.push(Either::Left(self.send(request)));
                awaits_delete = true;
            }
            let is_idle = in_flight.is_empty() && !more_come;
            if is_idle && publication.schedule.is_over(Instant::now()) {
                return;
            }
            // Responses and parts on their way may still decide what becomes of failed rows.
            let others_at = if is_idle {
                let wanted_at = publication.others_wanted_at(Instant::now());
                wanted_at.filter(|at| self.budget.may_put(*at))
            } else {
                None
            };
            if others_at.is_some_and(|at| at <= Instant::now()) {
                publication.schedule.looks_for_others(Instant::now());
                in_flight.push(Either::Right(self.find_others(publication.excluded())));
                continue;
            }
            // No request begins after `put_until`, so there is no use in waiting for a pause
            // that ends later.
            let may_put = self.budget.may_put(Instant::now());
            let wake_at = publication.schedule.wake_at();
            let wake_at = wake_at.filter(|time| may_put && self.budget.may_put(*time));
            let is_unknown = state == DeleteState::Unknown;
            let awaits_state =
                is_unknown && at_once == 0 && may_put && publication.schedule.has_rows();
            tokio::select! {
                // In a fixed order, so that a simulation is reproducible.
                biased;
                part = parts.next(), if more_come => match part {
                    Some(part) => publication.add_part(part),
                    None => more_come = false,
                },
                Some(arrival) = in_flight.next(), if !in_flight.is_empty() => match arrival {
                    Arrival::Answer(answer) => {
                        awaits_delete = self.apply(answer, &mut publication.schedule, accepted);
                    }
                    Arrival::Others(others) => publication.add_others(others),
                },
                Ok(()) = deletes.changed(), if awaits_state => {}
                () = tokio::time::sleep_until(put_until), if awaits_state => {}
                () = sleep_until(wake_at), if wake_at.is_some() && in_flight.len() < at_once => {}
                () = sleep_until(others_at), if others_at.is_some() => {}
                else => return,
            }
        }
    }

    /// Finds other rows that wait.
    async fn find_others(&self, mut excluded: Excluded<'_>) -> Arrival {
        excluded.published.extend(self.left_over.iter().cloned());
        let Self {
            table,
            pauses,
            clock,
            budget,
            ..
        } = self;
        Arrival::Others(find_waiting_rows(*table, pauses, *clock, &excluded, budget).await)
    }

    async fn send(&self, request: Request) -> Arrival {
        let rows: Vec<Arc<OutboxRow>> = request.rows();
        let Self { bus, budget, .. } = self;
        // Before every request, not once a call: a call may outlast the confirmation.
        let confirmed = self
            .bus_check
            .confirm(*bus, self.clock, self.pauses, budget.put_until);
        let answer = match confirmed.await {
            Ok(()) => {
                let timeout = match request.unanswered() {
                    0 => FIRST_PUT_TIMEOUT,
                    _ => REPEATED_PUT_TIMEOUT,
                };
                let until = budget.await_puts_until.min(Instant::now() + timeout);
                let silence = || CallError::Unanswered("no response in time".to_owned());
                #[cfg(feature = "opentelemetry")]
                let spans = PutSpans::start(&rows);
                let answer = timeout_at(until, bus.put(&rows)).await;
                let answer = answer.unwrap_or_else(|_| Err(silence()));
                #[cfg(feature = "opentelemetry")]
                spans.end(&answer);
                answer.map_err(PutError::Call)
            }
            Err(error) => Err(PutError::Bus(error)),
        };
        Arrival::Answer((request, answer))
    }

    /// Updates the schedule by the result of a request. Returns whether rows are deleted now.
    fn apply(
        &self,
        (request, answer): Answer,
        schedule: &mut Schedule,
        accepted: &UnboundedSender<RowKey>,
    ) -> bool {
        let pause = |failures| Instant::now() + self.pauses.after(failures);
        let slow_pause = |failures| pause(failures).max(Instant::now() + PAUSE_WITHOUT_ANSWER);
        match answer {
            Ok(results) => {
                let keys = schedule.answered(request, results, self.clock.now(), pause);
                let any = !keys.is_empty();
                for key in keys {
                    // The receiver outlives all senders. Even without it nothing is lost: the
                    // row would not be deleted.
                    let _ = accepted.send(key);
                }
                return any;
            }
            Err(PutError::Bus(error)) => schedule.halt(request, &Halt::Bus(error)),
            Err(PutError::Call(error)) => match error {
                CallError::Transient(error) => schedule.failed_for_now(request, &error, pause),
                CallError::Unanswered(error) => schedule.unanswered(request, &error, slow_pause),
                CallError::Content(error) => schedule.rejected_for_content(request, &error),
                error @ CallError::Configuration(_) => {
                    schedule.halt(request, &Halt::Put(error));
                }
            },
        }
        false
    }
}

/// Returns how many requests may be in flight. Until a delete has succeeded, one request at a
/// time shows whether what it publishes can be deleted.
fn requests_at_once(deletes: &DeleteState, awaits_delete: bool) -> usize {
    match deletes {
        DeleteState::Allowed => REQUESTS_AT_ONCE,
        DeleteState::Unknown => usize::from(!awaits_delete),
        DeleteState::Denied(_) => 0,
    }
}

async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time).await;
    }
}
