//! One row per rule: which requests are sent for some rows, given the results of the bus,
//! and what becomes of the rows. A request has at most three entries and 1,000 bytes; at most
//! two rows may be poison.

mod among_others;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::ports::{CallError, EntryError, PutResult};

/// A row is named by its aggregate and its sequence: `a1` is the first event of `a`.
type Name = &'static str;

/// What the bus does with a request.
enum Answer {
    Accepts,
    /// Rejects these rows, and accepts the others.
    Rejects(&'static [Name], fn() -> EntryError),
    /// Returns no results.
    NoResults,
    /// Does not respond in time.
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
        rule: "a row without a result may be accepted: it is sent a second time, and no third one",
        rows: &["a1", "a2"],
        answers: &[NoResults, NoResults],
        requests: &[&["a1", "a2"], &["a1"]],
        outcomes: &[("a1", "unanswered"), ("a2", "held back behind a1")],
    },
    Rule {
        rule: "a request that fails for now is sent again",
        rows: &["a1", "a2"],
        answers: &[FailsForNow, Accepts],
        requests: &[&["a1", "a2"], &["a1", "a2"]],
        outcomes: &[("a1", "accepted"), ("a2", "accepted")],
    },
    Rule {
        rule: "a request without a response is sent a second time, and no third one",
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
        failed_before: false,
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
        several_of_aggregate: true,
    };
    let mut now = Instant::now();
    let mut schedule = Schedule::new(limits, Order::BestEffort, Retries::UntilDeadline, 2);
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
            IsSilent => schedule.unanswered(request, "silence", pause),
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
        several_of_aggregate: true,
    };
    let now = Instant::now();
    let mut schedule = Schedule::new(limits, Order::BestEffort, Retries::UntilDeadline, 2);
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
        several_of_aggregate: true,
    };
    let now = Instant::now();
    let mut schedule = Schedule::new(limits, Order::BestEffort, Retries::UntilDeadline, 2);
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
        several_of_aggregate: true,
    };
    let mut schedule = Schedule::new(limits, Order::BestEffort, Retries::UntilDeadline, 2);
    schedule.add(["a1"].map(row).into());
    let request = schedule.next(Instant::now()).unwrap();
    schedule.halt(request, &denied());
    schedule.add(["b1"].map(row).into());
    let result = schedule.finish();
    assert_eq!(result.halted, Some(denied()));
    assert_eq!(result.failed.len(), 2);
}

#[cfg(feature = "at-once")]
#[tokio::test(start_paused = true)]
async fn without_retries_a_row_fails_for_what_its_only_request_got() {
    let limits = BusLimits {
        entries: 3,
        bytes: 1_000,
        several_of_aggregate: true,
    };
    let now = Instant::now();
    for (is_silent, failure) in [(true, "unanswered"), (false, "not accepted: throttled")] {
        let mut schedule = Schedule::new(limits, Order::InSequence, Retries::Never, 2);
        schedule.add(vec![row("a1")]);
        let request = schedule.next(now).unwrap();
        if is_silent {
            schedule.unanswered(request, "silence", |_| now);
        } else {
            schedule.failed_for_now(request, "throttled", |_| now);
        }
        assert!(schedule.next(now).is_none());
        let failed = schedule.finish().failed;
        assert_eq!(describe(&failed[0].1), failure);
    }
}
