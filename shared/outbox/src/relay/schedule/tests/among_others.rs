//! When a failing row is given up because the bus accepts others, and when others are looked for.

use super::*;

/// A schedule of the stream that begins now, and sends one request at each of some seconds.
struct Stream {
    begun: Instant,
    schedule: Schedule,
}

impl Stream {
    fn of(names: &[&str]) -> Self {
        let limits = BusLimits {
            entries: 3,
            bytes: 1_000,
            several_of_aggregate: true,
        };
        let mut schedule = Schedule::new(limits, Order::BestEffort, Retries::UntilLeftToSweeper, 2);
        schedule.add(names.iter().map(|name| row(name)).collect());
        Self {
            begun: Instant::now(),
            schedule,
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.begun + Duration::from_secs(seconds)
    }

    /// Sends a request, of which the bus rejects the rows of `a` and accepts the others.
    fn send(&mut self, seconds: u64, error: fn() -> EntryError) {
        let now = self.at(seconds);
        let request = self.schedule.next(now).unwrap();
        let results = request.rows().into_iter().map(|row| {
            if row.key.aggregate_id == "a" {
                PutResult::Rejected(error())
            } else {
                PutResult::Accepted
            }
        });
        let results = results.collect();
        let at = Timestamp::UNIX_EPOCH;
        self.schedule.answered(request, results, at, |_| now);
    }

    fn others_wanted_at(&self) -> Option<u64> {
        let wanted = self.schedule.others_wanted_at(self.begun, [].iter());
        wanted.map(|at| at.duration_since(self.begun).as_secs())
    }

    fn failures(self) -> Vec<(String, String)> {
        let failed = self.schedule.finish().failed.into_iter();
        let mut failures: Vec<_> = failed
            .map(|(key, failure)| (name(&key), describe(&failure)))
            .collect();
        failures.sort();
        failures
    }
}

#[test]
fn a_row_is_given_up_after_ten_seconds_among_others() {
    for (accepted, last, failure) in [
        (5, 9, "not accepted: throttled"),
        (5, 10, "rejected among others: throttled"),
        (5, 14, "rejected among others: throttled"),
        // What was accepted is too long ago.
        (5, 15, "not accepted: throttled"),
        (1, 11, "not accepted: throttled"),
    ] {
        let mut stream = Stream::of(&["a1"]);
        stream.send(0, for_now);
        stream.schedule.add([row("b1")].into());
        stream.send(accepted, for_now);
        stream.send(last, for_now);
        let failures = stream.failures();
        assert_eq!(failures, [("a1".to_owned(), failure.to_owned())], "{last}");
    }
}

#[test]
fn a_row_is_not_given_up_while_nothing_is_accepted() {
    let mut stream = Stream::of(&["a1"]);
    for second in [0, 5, 10, 15, 100] {
        stream.send(second, for_now);
    }
    let failures = stream.failures();
    let failure = "not accepted: throttled".to_owned();
    assert_eq!(failures, [("a1".to_owned(), failure)]);
}

#[test]
fn what_a_given_up_row_holds_back_fails_too() {
    let mut stream = Stream::of(&["a1", "a2"]);
    stream.send(0, for_now);
    stream.schedule.add([row("b1")].into());
    stream.send(5, for_now);
    stream.send(10, for_now);
    let failures = stream.failures();
    assert_eq!(failures[0].1, "rejected among others: throttled");
    assert_eq!(failures[1].1, "held back behind a1");
}

#[test]
fn others_are_looked_for_when_only_failed_rows_are_left() {
    let mut stream = Stream::of(&["a1", "b1"]);
    assert_eq!(stream.others_wanted_at(), None, "nothing failed");
    stream.send(0, for_now);
    assert_eq!(stream.others_wanted_at(), Some(5));
    let looked = stream.at(5);
    stream.schedule.looks_for_others(looked);
    assert_eq!(stream.others_wanted_at(), Some(10));
    stream.schedule.add([row("c1")].into());
    assert_eq!(stream.others_wanted_at(), None, "one is left to send");
    stream.send(7, for_now);
    assert_eq!(stream.others_wanted_at(), Some(12));
}

#[test]
fn others_are_looked_for_at_once_if_they_decide() {
    for (error, others, wanted) in [
        (content as fn() -> EntryError, "b1", None),
        (content, "a2", Some(0)),
        (permission, "b1", None),
        (permission, "a2", Some(0)),
    ] {
        let mut stream = Stream::of(&["a1", others]);
        stream.send(0, error);
        assert_eq!(stream.others_wanted_at(), wanted, "{others}");
    }
}

#[test]
fn rows_that_were_found_are_sent_once() {
    let mut stream = Stream::of(&["b1"]);
    stream.schedule.add([row("a1")].into());
    stream.schedule.send_once("a");
    stream.send(0, for_now);
    assert!(!stream.schedule.has_rows());
    let failure = "not accepted: throttled".to_owned();
    assert_eq!(stream.failures(), [("a1".to_owned(), failure)]);
}

#[test]
fn a_backlog_retries_for_half_a_minute_and_only_while_nothing_is_accepted() {
    for (names, last, is_over) in [
        (&["a1"][..], 29, false),
        (&["a1"], 30, true),
        (&["a1", "b1"], 0, true),
    ] {
        let mut backlog = Stream::of(names);
        backlog.schedule.retries = Retries::WhileNothingIsAccepted;
        backlog.send(0, for_now);
        let now = backlog.at(last);
        assert_eq!(
            backlog.schedule.is_over(now),
            is_over,
            "{names:?}, {last} s"
        );
    }
}

#[test]
fn an_event_without_response_is_left_to_the_sweeper_only_among_accepted_ones() {
    let limits = BusLimits {
        entries: 1,
        bytes: 1_000,
        several_of_aggregate: true,
    };
    let among_others = "rejected among others: silence: the bus may have accepted it";
    for (retries, accepts_another, failure) in [
        (Retries::UntilLeftToSweeper, true, among_others),
        (Retries::UntilLeftToSweeper, false, "unanswered"),
        (Retries::UntilDeadline, true, "unanswered"),
    ] {
        let begun = Instant::now();
        let later = begun + REJECTED_FOR;
        let mut schedule = Schedule::new(limits, Order::InSequence, retries, 2);
        schedule.add(vec![row("a1")]);
        let request = schedule.next(begun).unwrap();
        schedule.unanswered(request, "silence", |_| later);
        if accepts_another {
            schedule.add(vec![row("b1")]);
            let request = schedule.next(begun + Duration::from_secs(1)).unwrap();
            let at = Timestamp::UNIX_EPOCH;
            schedule.answered(request, vec![PutResult::Accepted], at, |_| later);
        }
        let request = schedule.next(later).unwrap();
        schedule.unanswered(request, "silence", |_| later);
        let failed = schedule.finish().failed;
        assert_eq!(describe(&failed[0].1), failure);
    }
}
