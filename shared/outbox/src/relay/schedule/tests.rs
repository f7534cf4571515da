//! One row per rule: which requests are sent for some rows, given the results of the bus,
//! and what becomes of the rows. A request has at most three entries and 1,000 bytes; at most
//! two rows may be poison.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::ports::CallError;

/// A row is named by its aggregate and its sequence: `a1` is the first event of `a`.
type Name = &'static str;

/// What the bus does with a request.
enum Answer {
    Accepts,
    /// Rejects these rows, and accepts the others.
    Rejects(&'static [Name], fn() -> EntryError),
    /// Returns no results.
    NoResults,
    /// Does not answer in time.
    IsSilent,
    FailsForNow,
    RejectsContent,
    Denies,
}

use Answer::{Accepts, Denies, FailsForNow, IsSilent, NoResults, Rejects, RejectsContent};

struct Rule {
    rule: &'static str,
    rows: &'static [Name],
    /// The results of the requests, in the order in which they are sent. Further requests are
    /// not sent: the time is up.
    answers: &'static [Answer],
    requests: &'static [&'static [Name]],
    outcomes: &'static [(Name, &'static str)],
}

fn for_now() -> EntryError {
    EntryError::Transient("throttled".to_owned())
}

fn content() -> EntryError {
    EntryError::Content(Poison::new("MalformedDetail", ""))
}

fn permission() -> EntryError {
    EntryError::Configuration("denied".to_owned())
}

const RULES: &[Rule] = &[
    Rule {
        rule: "a request is filled up with several aggregates",
        rows: &["a1", "b1", "c1", "d1"],
        answers: &[Accepts, Accepts],
        requests: &[&["a1", "b1", "c1"], &["d1"]],
        outcomes: &[
            ("a1", "accepted"),
            ("b1", "accepted"),
            ("c1", "accepted"),
            ("d1", "accepted"),
        ],
    },
    Rule {
        rule: "rows of an aggregate are sent in sequence, whatever order they arrive in",
        rows: &["a2", "a1", "a3"],
        answers: &[Accepts],
        requests: &[&["a1", "a2", "a3"]],
        outcomes: &[("a1", "accepted"), ("a2", "accepted"), ("a3", "accepted")],
    },
    Rule {
        rule: "an aggregate that doesn't fit is not cut to fill up a request",
        rows: &["a1", "b1", "b2", "b3"],
        answers: &[Accepts, Accepts],
        requests: &[&["a1"], &["b1", "b2", "b3"]],
        outcomes: &[
            ("a1", "accepted"),
            ("b1", "accepted"),
            ("b2", "accepted"),
            ("b3", "accepted"),
        ],
    },
    Rule {
        rule: "an aggregate that exceeds a request is cut",
        rows: &["a1", "a2", "a3", "a4"],
        answers: &[Accepts, Accepts],
        requests: &[&["a1", "a2", "a3"], &["a4"]],
        outcomes: &[
            ("a1", "accepted"),
            ("a2", "accepted"),
            ("a3", "accepted"),
            ("a4", "accepted"),
        ],
    },
    Rule {
        rule: "a later aggregate takes the room that an earlier one leaves",
        rows: &["a1", "a2", "b1", "b2", "c1"],
        answers: &[Accepts, Accepts],
        requests: &[&["a1", "a2", "c1"], &["b1", "b2"]],
        outcomes: &[
            ("a1", "accepted"),
            ("a2", "accepted"),
            ("b1", "accepted"),
            ("b2", "accepted"),
            ("c1", "accepted"),
        ],
    },
    Rule {
        rule: "bytes limit a request as well: names in capitals have 600",
        rows: &["A1", "B1", "c1"],
        answers: &[Accepts, Accepts],
        requests: &[&["A1", "c1"], &["B1"]],
        outcomes: &[("A1", "accepted"), ("B1", "accepted"), ("c1", "accepted")],
    },
    Rule {
        rule: "a row that is rejected for now is retried alone",
        rows: &["a1", "b1"],
        answers: &[Rejects(&["a1"], for_now), Accepts],
        requests: &[&["a1", "b1"], &["a1"]],
        outcomes: &[("a1", "accepted"), ("b1", "accepted")],
    },
    Rule {
        rule: "what follows a rejected row in its request may have overtaken it, and is kept",
        rows: &["a1", "a2"],
        answers: &[Rejects(&["a1"], for_now), Accepts],
        requests: &[&["a1", "a2"], &["a1"]],
        outcomes: &[("a1", "accepted"), ("a2", "accepted")],
    },
    Rule {
        rule: "a row that was rejected for now goes alone, and holds back the later ones",
        rows: &["a1", "a2"],
        answers: &[Rejects(&["a1", "a2"], for_now), Rejects(&["a1"], for_now)],
        requests: &[&["a1", "a2"], &["a1"]],
        outcomes: &[
            ("a1", "not accepted: throttled"),
            ("a2", "not accepted: throttled"),
        ],
    },
    Rule {
        rule: "rows that were not attempted are out of time",
        rows: &["a1", "a2", "a3", "a4"],
        answers: &[Accepts],
        requests: &[&["a1", "a2", "a3"]],
        outcomes: &[
            ("a1", "accepted"),
            ("a2", "accepted"),
            ("a3", "accepted"),
            ("a4", "out of time"),
        ],
    },
    Rule {
        rule: "rows behind one that failed are held back",
        rows: &["a1", "a2", "a3", "a4"],
        answers: &[Rejects(&["a3"], for_now)],
        requests: &[&["a1", "a2", "a3"]],
        outcomes: &[
            ("a1", "accepted"),
            ("a2", "accepted"),
            ("a3", "not accepted: throttled"),
            ("a4", "held back behind a3"),
        ],
    },
    Rule {
        rule: "a row without a result counts as not accepted",
        rows: &["a1"],
        answers: &[NoResults],
        requests: &[&["a1"]],
        outcomes: &[("a1", "not accepted: the bus returned no result for it")],
    },
    Rule {
        rule: "a request that fails for now is sent again",
        rows: &["a1", "a2"],
        answers: &[FailsForNow, Accepts],
        requests: &[&["a1", "a2"], &["a1", "a2"]],
        outcomes: &[("a1", "accepted"), ("a2", "accepted")],
    },
    Rule {
        rule: "a request without an answer is sent a second time, and no third one",
        rows: &["a1", "b1"],
        answers: &[IsSilent, IsSilent],
        requests: &[&["a1", "b1"], &["a1", "b1"]],
        outcomes: &[("a1", "unanswered"), ("b1", "unanswered")],
    },
    Rule {
        rule: "a rejected content is suspect, and doesn't hold back later rows",
        rows: &["a1", "a2"],
        answers: &[Rejects(&["a1"], content)],
        requests: &[&["a1", "a2"]],
        outcomes: &[("a1", "suspect"), ("a2", "accepted")],
    },
    Rule {
        rule: "more suspects than may be poison fail, and hold back later rows",
        rows: &["a1", "b1", "c1", "c2"],
        answers: &[Rejects(&["a1", "b1"], content), Rejects(&["c1"], content)],
        requests: &[&["a1", "b1"], &["c1", "c2"]],
        outcomes: &[
            ("a1", "suspect"),
            ("b1", "suspect"),
            ("c1", "too many poisoned"),
            ("c2", "accepted"),
        ],
    },
    Rule {
        rule: "a request that is rejected for its content is halved until one row is alone",
        rows: &["a1", "b1", "c1"],
        answers: &[RejectsContent, RejectsContent, Accepts, Accepts],
        requests: &[&["a1", "b1", "c1"], &["a1"], &["b1"], &["c1"]],
        outcomes: &[("a1", "suspect"), ("b1", "accepted"), ("c1", "accepted")],
    },
    Rule {
        rule: "a permission for one row's detail type fails it and holds back later ones",
        rows: &["a1", "a2", "a3", "a4", "b1"],
        answers: &[Rejects(&["a1"], permission), Accepts],
        requests: &[&["a1", "a2", "a3"], &["b1"]],
        outcomes: &[
            ("a1", "configuration: denied"),
            ("a2", "accepted"),
            ("a3", "accepted"),
            ("a4", "held back behind a1"),
            ("b1", "accepted"),
        ],
    },
    Rule {
        rule: "a row that fails for its permission holds back an earlier retry of its request",
        rows: &["a1", "a2"],
        answers: &[Rejects(&["a1"], permission)],
        requests: &[&["a1", "a2"]],
        outcomes: &[("a1", "configuration: denied"), ("a2", "accepted")],
    },
    Rule {
        rule: "without permission for the bus nothing more is sent",
        rows: &["a1", "a2", "a3", "a4", "b1"],
        answers: &[Denies],
        requests: &[&["a1", "a2", "a3"]],
        outcomes: &[
            ("a1", "halted: denied"),
            ("a2", "halted: denied"),
            ("a3", "halted: denied"),
            ("a4", "halted: denied"),
            ("b1", "halted: denied"),
        ],
    },
];

fn denied() -> Halt {
    Halt::Put(CallError::Configuration("denied".to_owned()))
}

fn row(name: &str) -> Sendable {
    let (aggregate, sequence) = name.split_at(1);
    let sequence: u64 = sequence.parse().unwrap();
    let row = OutboxRow::example(RowKey::new(aggregate, sequence, Uuid::nil()));
    let is_large = aggregate.chars().all(char::is_uppercase);
    Sendable {
        row: Arc::new(row),
        bytes: if is_large { 600 } else { 100 },
    }
}

fn name(key: &RowKey) -> String {
    format!("{}{}", key.aggregate_id, key.sequence().unwrap())
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::NotAccepted(error) => format!("not accepted: {error}"),
        Failure::HeldBack(earlier) => format!("held back behind {}", name(earlier)),
        Failure::OutOfTime => "out of time".to_owned(),
        Failure::Unanswered => "unanswered".to_owned(),
        Failure::Configuration(error) => format!("configuration: {error}"),
        Failure::Halted(Halt::Put(error)) => format!("halted: {error}"),
        Failure::RejectedAmongOthers(error) => format!("rejected among others: {error}"),
        Failure::TooManyPoisoned(_) => "too many poisoned".to_owned(),
        other => panic!("a schedule doesn't know {other:?}"),
    }
}

/// Sends the requests one after the other. Returns them, and what became of the rows.
fn drive(rule: &Rule) -> (Vec<Vec<String>>, Vec<(String, String)>) {
    let limits = BusLimits {
        entries: 3,
        bytes: 1_000,
    };
    let mut now = Instant::now();
    let mut schedule = Schedule::new(limits, Retries::UntilDeadline, 2);
    schedule.add(rule.rows.iter().map(|name| row(name)).collect());
    let mut requests = Vec::new();
    for answer in rule.answers {
        // Pauses end at once.
        now = schedule.wake_at().unwrap_or(now).max(now);
        let request = schedule.next(now).expect(rule.rule);
        let names: Vec<String> = request.rows().iter().map(|row| name(&row.key)).collect();
        let pause = |failures| now + Duration::from_secs(1) * failures;
        let at = Timestamp::UNIX_EPOCH;
        match answer {
            IsSilent => schedule.unanswered(request, 2, pause),
            FailsForNow => schedule.failed_for_now(request, "throttled", pause),
            RejectsContent => schedule.rejected_for_content(request, "too large"),
            Denies => schedule.halt(request, &denied()),
            Accepts | Rejects(..) | NoResults => {
                let result = |name: &String| match answer {
                    Rejects(rejected, error) if rejected.contains(&name.as_str()) => {
                        PutResult::Rejected(error())
                    }
                    _ => PutResult::Accepted,
                };
                let mut results: Vec<PutResult> = names.iter().map(result).collect();
                if matches!(answer, NoResults) {
                    results.clear();
                }
                schedule.answered(request, results, at, pause);
            }
        }
        requests.push(names);
    }
    let result = schedule.finish();
    let accepted = result
        .accepted
        .iter()
        .map(|row| (name(&row.key), "accepted".to_owned()));
    let suspects = result
        .suspects
        .iter()
        .map(|(row, _)| (name(&row.key), "suspect".to_owned()));
    let failed = result
        .failed
        .iter()
        .map(|(key, failure)| (name(key), describe(failure)));
    let mut outcomes: Vec<_> = accepted.chain(suspects).chain(failed).collect();
    outcomes.sort();
    (requests, outcomes)
}

#[test]
fn every_rule_holds() {
    for rule in RULES {
        let (requests, outcomes) = drive(rule);
        assert_eq!(requests, rule.requests, "{}", rule.rule);
        let outcomes: Vec<_> = outcomes
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(outcomes, rule.outcomes, "{}", rule.rule);
    }
}

#[test]
fn an_aggregate_has_one_request_in_flight() {
    let limits = BusLimits {
        entries: 2,
        bytes: 1_000,
    };
    let now = Instant::now();
    let mut schedule = Schedule::new(limits, Retries::UntilDeadline, 2);
    schedule.add(["a1", "a2", "a3", "b1"].map(row).into());
    let names = |request: Option<Request>| -> Vec<String> {
        let rows = request.map(|request| request.rows()).unwrap_or_default();
        rows.iter().map(|row| name(&row.key)).collect()
    };
    assert_eq!(names(schedule.next(now)), ["a1", "a2"]);
    assert_eq!(names(schedule.next(now)), ["b1"]);
    assert_eq!(names(schedule.next(now)), [""; 0]);
}

#[test]
fn an_aggregate_pauses_longer_with_each_failure() {
    let limits = BusLimits {
        entries: 2,
        bytes: 1_000,
    };
    let now = Instant::now();
    let mut schedule = Schedule::new(limits, Retries::UntilDeadline, 2);
    schedule.add(["a1"].map(row).into());
    let pause = |failures| now + Duration::from_secs(1) * failures;
    for failures in 1..4 {
        let at = now + Duration::from_secs(100) * failures;
        let request = schedule.next(at).unwrap();
        schedule.failed_for_now(request, "throttled", pause);
        assert_eq!(schedule.wake_at(), Some(pause(failures)));
        assert!(schedule.next(now).is_none());
    }
}

#[test]
fn rows_that_come_after_a_halt_fail_as_well() {
    let limits = BusLimits {
        entries: 2,
        bytes: 1_000,
    };
    let mut schedule = Schedule::new(limits, Retries::UntilDeadline, 2);
    schedule.add(["a1"].map(row).into());
    let request = schedule.next(Instant::now()).unwrap();
    schedule.halt(request, &denied());
    schedule.add(["b1"].map(row).into());
    let result = schedule.finish();
    assert_eq!(result.halted, Some(denied()));
    assert_eq!(result.failed.len(), 2);
}

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
        };
        let mut schedule = Schedule::new(limits, Retries::UntilLeftToSweeper, 2);
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
