//! Deletes the rows of published events, in batches.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use crate::{
    RowKey,
    ports::{CallError, DELETE_KEYS, OutboxTable},
    relay::{
        budget::Budget,
        delete_check::DeleteCheck,
        retry::{Pauses, within},
    },
};

/// Requests in flight at once, of one call of the relay. Each deletes up to 25 rows, so that they
/// hold 1,600 rows: more than the 1,280 events in the 128 requests that may be in flight to the bus.
/// Rows that arrive while all are in flight are deleted with the next that returns.
const DELETES_AT_ONCE: usize = 64;

/// How long a published row waits for others, to be deleted in one request with them. Short,
/// because a row that is not deleted is published again if the process dies.
const LINGER: Duration = Duration::from_millis(10);

/// The keys of a request, and its result: the keys that were not deleted.
type Answer = (Vec<RowKey>, Result<Vec<RowKey>, CallError>);

/// Deletes every row that arrives, while others are still being published. Returns those
/// that could not be deleted in time.
pub(super) async fn delete_published<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    left_over: BTreeSet<RowKey>,
    mut published: UnboundedReceiver<RowKey>,
    check: &DeleteCheck,
    budget: &Budget,
) -> BTreeSet<RowKey> {
    let mut deletes = Deletes::of(left_over);
    let mut in_flight = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        while in_flight.len() < DELETES_AT_ONCE
            && let Some(keys) = deletes.next(is_open, Instant::now())
        {
            in_flight.push(delete(table, keys, budget));
        }
        let wake_at = deletes.wake_at(is_open);
        tokio::select! {
            // In a fixed order, so that a simulation is reproducible.
            biased;
            Some(answer) = in_flight.next(), if !in_flight.is_empty() => {
                deletes.take_answer(answer, check, pauses, budget.settle_until);
            }
            key = published.recv(), if is_open => match key {
                Some(key) => deletes.add(key),
                None => is_open = false,
            },
            () = wake(wake_at), if wake_at.is_some() && in_flight.len() < DELETES_AT_ONCE => {}
            else => return deletes.undeleted(),
        }
    }
}

async fn wake(time: Option<Instant>) {
    if let Some(time) = time {
        sleep_until(time).await;
    }
}

async fn delete<T: OutboxTable>(table: &T, keys: Vec<RowKey>, budget: &Budget) -> Answer {
    let answer = within(budget.settle_until, table.delete(&keys)).await;
    (keys, answer)
}

/// Decides which rows are deleted together, and when. No I/O.
struct Deletes {
    /// Rows to delete.
    waiting: Vec<RowKey>,
    /// When the waiting rows are deleted even if they don't fill a request.
    full_or_at: Instant,
    /// Consecutive failed requests.
    failures: u32,
    /// Nothing is deleted before this.
    not_before: Option<Instant>,
    /// No further request can succeed in time.
    is_over: bool,
}

impl Deletes {
    fn of(left_over: BTreeSet<RowKey>) -> Self {
        Self {
            waiting: left_over.into_iter().collect(),
            full_or_at: Instant::now(),
            failures: 0,
            not_before: None,
            is_over: false,
        }
    }

    fn add(&mut self, key: RowKey) {
        if self.waiting.is_empty() {
            self.full_or_at = Instant::now() + LINGER;
        }
        self.waiting.push(key);
    }

    /// Returns the rows of the next request, if it is to be sent now. While `is_open`, more
    /// rows may arrive.
    fn next(&mut self, is_open: bool, now: Instant) -> Option<Vec<RowKey>> {
        let is_due = self.is_full() || !is_open || self.full_or_at <= now;
        let may_delete = !self.is_over && self.not_before.is_none_or(|time| time <= now);
        if self.waiting.is_empty() || !is_due || !may_delete {
            return None;
        }
        let keys = self.waiting.len().min(DELETE_KEYS);
        self.full_or_at = now + LINGER;
        Some(self.waiting.drain(..keys).collect())
    }

    /// Returns when the waiting rows are to be deleted; `None` if there are none.
    fn wake_at(&self, is_open: bool) -> Option<Instant> {
        if self.is_over || self.waiting.is_empty() {
            return None;
        }
        let lingers = is_open && !self.is_full();
        let due = lingers.then_some(self.full_or_at);
        due.max(self.not_before)
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= DELETE_KEYS
    }

    fn take_answer(
        &mut self,
        (keys, answer): Answer,
        check: &DeleteCheck,
        pauses: &Pauses,
        until: Instant,
    ) {
        match &answer {
            Ok(_) => check.allow(),
            Err(error @ CallError::Configuration(_)) => check.deny(error.clone()),
            Err(_) => {}
        }
        let may_work_later = match answer {
            Ok(undeleted) if undeleted.is_empty() => {
                self.failures = 0;
                return;
            }
            Ok(undeleted) => {
                self.waiting.extend(undeleted);
                true
            }
            Err(error) => {
                tracing::warn!(%error, rows = keys.len(), "published rows were not deleted");
                self.waiting.extend(keys);
                error.is_transient()
            }
        };
        // Requests that fail together count as one failure, and share one pause.
        let now = Instant::now();
        let not_before = match self.not_before {
            Some(time) if time > now => time,
            _ => {
                self.failures += 1;
                now + pauses.after(self.failures)
            }
        };
        self.not_before = Some(not_before);
        // Then the rows are left for the next call, which deletes them first.
        self.is_over |= !may_work_later || not_before >= until;
    }

    fn undeleted(self) -> BTreeSet<RowKey> {
        self.waiting.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::delete_check::DeleteState;

    fn key(index: usize) -> RowKey {
        RowKey {
            aggregate_id: "a".into(),
            position: format!("{index:020}"),
        }
    }

    fn keys(count: usize) -> Vec<RowKey> {
        (0..count).map(key).collect()
    }

    fn pauses() -> Pauses {
        Pauses::new(fastrand::Rng::with_seed(1))
    }

    /// Returns deletes with so many waiting rows, which were added now.
    fn waiting(count: usize) -> Deletes {
        let mut deletes = Deletes::of(BTreeSet::new());
        for key in keys(count) {
            deletes.add(key);
        }
        deletes
    }

    /// Passes a response to the deletes, with a minute left.
    fn answer(deletes: &mut Deletes, keys: Vec<RowKey>, answer: Result<Vec<RowKey>, CallError>) {
        let until = Instant::now() + Duration::from_mins(1);
        deletes.take_answer((keys, answer), &DeleteCheck::new(false), &pauses(), until);
    }

    fn busy() -> CallError {
        CallError::Transient("busy".into())
    }

    #[tokio::test(start_paused = true)]
    async fn rows_wait_for_others_until_a_request_is_full() {
        let now = Instant::now();
        let mut deletes = waiting(DELETE_KEYS - 1);
        assert_eq!(deletes.next(true, now), None);
        assert_eq!(deletes.wake_at(true), Some(now + LINGER));
        deletes.add(key(DELETE_KEYS - 1));
        assert_eq!(deletes.wake_at(true), None, "it need not wait");
        deletes.add(key(DELETE_KEYS));
        assert_eq!(deletes.next(true, now), Some(keys(DELETE_KEYS)));
        assert_eq!(deletes.next(true, now), None, "one row waits again");
        assert_eq!(deletes.wake_at(true), Some(now + LINGER));
    }

    #[tokio::test(start_paused = true)]
    async fn rows_wait_no_longer_than_they_should() {
        let now = Instant::now();
        let mut deletes = waiting(1);
        tokio::time::advance(LINGER / 2).await;
        deletes.add(key(1));
        assert_eq!(deletes.next(true, Instant::now()), None);
        assert_eq!(deletes.next(true, now + LINGER), Some(keys(2)));
        assert_eq!(deletes.wake_at(true), None, "nothing waits");
        assert_eq!(deletes.next(true, now + LINGER * 2), None);
    }

    #[tokio::test(start_paused = true)]
    async fn rows_do_not_wait_if_no_others_can_arrive() {
        let mut deletes = waiting(2);
        assert_eq!(deletes.wake_at(false), None, "it need not wait");
        assert_eq!(deletes.next(false, Instant::now()), Some(keys(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn rows_left_over_from_an_earlier_call_do_not_wait() {
        let mut deletes = Deletes::of(keys(2).into_iter().collect());
        assert_eq!(deletes.next(true, Instant::now()), Some(keys(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_nothing_is_deleted_before_a_pause() {
        let pause = pauses().after(1);
        let unprocessed = || (Ok(keys(1)), 1);
        let failed = || (Err(busy()), 3);
        for (result, rows) in [unprocessed(), failed()] {
            let now = Instant::now();
            let mut deletes = Deletes::of(BTreeSet::new());
            answer(&mut deletes, keys(3), result);
            assert_eq!(deletes.wake_at(false), Some(now + pause));
            assert_eq!(deletes.next(false, now), None);
            assert_eq!(deletes.next(false, now + pause), Some(keys(rows)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_at_once_share_a_pause_and_later_ones_lengthen_it() {
        let mut deletes = Deletes::of(BTreeSet::new());
        answer(&mut deletes, keys(1), Err(busy()));
        let first = deletes.not_before;
        answer(&mut deletes, keys(1), Err(busy()));
        assert_eq!((deletes.failures, deletes.not_before), (1, first));
        tokio::time::sleep_until(first.unwrap()).await;
        answer(&mut deletes, keys(1), Err(busy()));
        assert_eq!(deletes.failures, 2);
        let pause = pauses().after(2);
        assert_eq!(deletes.not_before, Some(Instant::now() + pause));
        answer(&mut deletes, keys(1), Ok(Vec::new()));
        assert_eq!(deletes.failures, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rows_are_left_over_if_no_request_can_succeed_in_time() {
        let pause = pauses().after(1);
        let denied = || CallError::Configuration("denied".into());
        let rejected = || CallError::Content("rejected".into());
        let minute = Duration::from_mins(1);
        for (error, left, is_over) in [
            (busy(), pause + Duration::from_nanos(1), false),
            (busy(), pause, true),
            (denied(), minute, true),
            (rejected(), minute, true),
        ] {
            let mut deletes = Deletes::of(BTreeSet::new());
            let until = Instant::now() + left;
            let check = DeleteCheck::new(false);
            deletes.take_answer((keys(2), Err(error)), &check, &pauses(), until);
            assert_eq!(deletes.is_over, is_over, "{left:?}");
            assert_eq!(deletes.wake_at(false).is_none(), is_over);
            assert_eq!(deletes.next(false, until).is_none(), is_over);
        }
        let mut deletes = Deletes::of(BTreeSet::new());
        answer(&mut deletes, keys(2), Err(denied()));
        // What is returned for other requests in flight doesn't change that.
        answer(&mut deletes, keys(1), Err(denied()));
        answer(&mut deletes, keys(1), Ok(vec![key(2)]));
        assert!(deletes.is_over);
        assert_eq!(deletes.undeleted(), keys(3).into_iter().collect());
    }

    #[tokio::test(start_paused = true)]
    async fn what_deletes_find_out_is_passed_on() {
        let until = Instant::now() + Duration::from_mins(1);
        let check = DeleteCheck::new(false);
        let mut deletes = Deletes::of(BTreeSet::new());
        for (result, is_allowed) in [
            (Err(busy()), false),
            (Ok(Vec::new()), true),
            (Err(busy()), true),
            (Err(CallError::Configuration("denied".into())), false),
        ] {
            deletes.take_answer((keys(1), result), &check, &pauses(), until);
            assert_eq!(check.is_allowed(), is_allowed);
        }
        assert_eq!(
            *check.watch().borrow(),
            DeleteState::Denied(CallError::Configuration("denied".into()))
        );
    }
}
