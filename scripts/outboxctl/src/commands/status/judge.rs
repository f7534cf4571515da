//! Judges whether an outbox is healthy, and says what to do if it isn't.

use jiff::{SignedDuration, Timestamp};
use outbox::handlers::DEFAULT_GRACE;
use schemars::JsonSchema;
use serde::Serialize;

use super::collect::{PAST, Recent, Seen, Snapshot};
use crate::{age, command_line::CommandLine, output::count};

/// An event older than this is late: even the sweeper should have published it by then,
/// since the grace period and one sweep have passed.
const LATE: SignedDuration = SignedDuration::from_mins(DEFAULT_GRACE.as_mins() + 5);

/// How long `CloudWatch` may take to show a metric, with a margin.
const UNTIL_SHOWN: SignedDuration = SignedDuration::from_mins(4);

/// Something that needs the operator's attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// What is wrong.
    pub(crate) what: String,
    /// A command to run, or where to look.
    pub(crate) next: String,
    /// What the problem is about.
    #[serde(skip)]
    pub(crate) about: About,
}

/// What a problem is about, as far as a page leads there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum About {
    Parked,
    DeadLetters,
    /// Nothing that an operator changes in the outbox.
    #[default]
    Other,
}

/// Returns what is wrong, the most urgent first.
pub(crate) fn judge(snapshot: &Snapshot, now: Timestamp, commands: &CommandLine) -> Vec<Problem> {
    let found = [
        paused(snapshot, commands),
        not_relayed(snapshot),
        failing(snapshot, now),
        stuck(snapshot, now),
        unswept(snapshot),
        late(snapshot, now, commands),
        parked(snapshot, commands),
        partly_read(snapshot, commands),
        dead_letters(snapshot, commands),
        unknown(snapshot),
    ];
    found.into_iter().flatten().collect()
}

impl Problem {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
            about: About::default(),
        }
    }

    fn about(self, about: About) -> Self {
        Self { about, ..self }
    }
}

/// Returns whether the mapping is disabled. The states Creating, Enabling and Updating
/// pass by themselves.
fn is_relay_off(snapshot: &Snapshot) -> bool {
    let state = snapshot.relay.state.as_str();
    !snapshot.is_local && ["Disabled", "Disabling", "Deleting"].contains(&state)
}

fn is_sweeper_off(snapshot: &Snapshot) -> bool {
    !snapshot.sweeper.state.eq_ignore_ascii_case("enabled")
}

fn paused(snapshot: &Snapshot, commands: &CommandLine) -> Option<Problem> {
    let what = match (is_relay_off(snapshot), is_sweeper_off(snapshot)) {
        (false, false) => return None,
        (true, true) => "publishing is paused".to_owned(),
        (true, false) => format!("the relay is {}", snapshot.relay.state),
        (false, true) => "the sweeper is disabled".to_owned(),
    };
    Some(Problem::new(what, commands.with(&["resume"])))
}

fn not_relayed(snapshot: &Snapshot) -> Option<Problem> {
    let result = &snapshot.relay.last_result;
    if !result.starts_with("PROBLEM") {
        return None;
    }
    let what = format!("the stream cannot be relayed: {result}");
    Some(Problem::new(what, relay_log(snapshot)))
}

/// Failures count as long as an event is pending that was pending when they happened.
/// Metrics say only that attempts failed; the table says whether a retry succeeded.
fn failing(snapshot: &Snapshot, now: Timestamp) -> Option<Problem> {
    let seen = snapshot.recent.seen()?;
    let failed_at = seen.last_failure?;
    if !snapshot.may_be_pending_since(failed_at) {
        return None;
    }
    let failures = count(seen.failed, "failed attempt");
    let what = format!(
        "events are not published: {failures} {PAST}, the last {}",
        Seen::how_long_ago(failed_at, now)
    );
    Some(Problem::new(what, relay_log(snapshot)))
}

/// The metrics show neither failures nor published events, but an event is pending.
fn stuck(snapshot: &Snapshot, now: Timestamp) -> Option<Problem> {
    let seen = snapshot.recent.seen()?;
    let oldest_age = snapshot.oldest_age(now)?;
    let is_idle = seen.relayed == 0 && seen.last_failure.is_none();
    // A young event may be published already: metrics arrive later.
    if is_relay_off(snapshot)
        || !is_idle
        || oldest_age <= UNTIL_SHOWN + snapshot.relay.batching_window
    {
        return None;
    }
    let oldest_age = age::text(oldest_age);
    let what = format!("no event was relayed {PAST}, but one has been pending for {oldest_age}");
    Some(Problem::new(what, relay_log(snapshot)))
}

/// The local stack has no metrics of the sweeper, so only AWS is checked.
fn unswept(snapshot: &Snapshot) -> Option<Problem> {
    let seen = snapshot.recent.seen()?;
    if snapshot.is_local || is_sweeper_off(snapshot) || seen.sweeps > 0 {
        return None;
    }
    let what = format!(
        "no sweep has completed {PAST}: after a first deploy or a pause, wait for the next one"
    );
    Some(Problem::new(what, "look at the log of the sweeper"))
}

fn late(snapshot: &Snapshot, now: Timestamp, commands: &CommandLine) -> Option<Problem> {
    let oldest_age = snapshot.oldest_age(now).filter(|age| *age > LATE)?;
    let what = format!(
        "an event has been pending for {}, look at the log of the sweeper",
        age::text(oldest_age)
    );
    Some(Problem::new(what, commands.with(&["pending"])))
}

fn parked(snapshot: &Snapshot, commands: &CommandLine) -> Option<Problem> {
    let rows = snapshot.backlog.parked;
    if rows == 0 {
        return None;
    }
    let is = if rows == 1 { "is" } else { "are" };
    let what = format!("{} {is} parked", count(rows, "row"));
    Some(Problem::new(what, commands.with(&["parked"])).about(About::Parked))
}

fn partly_read(snapshot: &Snapshot, commands: &CommandLine) -> Option<Problem> {
    if !snapshot.backlog.at_least {
        return None;
    }
    let what = "the table was not read to its end: there may be more";
    Some(Problem::new(what, commands.with(&["pending"])))
}

fn dead_letters(snapshot: &Snapshot, commands: &CommandLine) -> Option<Problem> {
    let letters = snapshot.dead_letters.visible + snapshot.dead_letters.in_flight;
    if letters == 0 {
        return None;
    }
    let what = count(letters, "dead letter");
    let problem = Problem::new(what, commands.with(&["dlq", "list"]));
    Some(problem.about(About::DeadLetters))
}

fn unknown(snapshot: &Snapshot) -> Option<Problem> {
    let Recent::Unknown { unknown } = &snapshot.recent else {
        return None;
    };
    let what = format!("it is unknown whether attempts have failed {PAST}: {unknown}");
    Some(Problem::new(
        what,
        "look at the dashboard; the stack's output OperatorRoleArn has the permission",
    ))
}

/// Returns where the relay reports its errors.
fn relay_log(snapshot: &Snapshot) -> &'static str {
    if snapshot.is_local {
        "look at the output of 'make dev'"
    } else {
        "look at the log of the relay"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T09:00:00Z".parse().unwrap()
    }

    fn commands() -> CommandLine {
        CommandLine::Program {
            program: "outboxctl".to_owned(),
            outbox: Vec::new(),
            account: Vec::new(),
        }
    }

    /// Returns the problems of an outbox that differs from a healthy one.
    fn said(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
        let mut snapshot = Snapshot::healthy(now());
        change(&mut snapshot);
        let problems = judge(&snapshot, now(), &commands());
        let said = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.what, problem.next));
        said.collect()
    }

    fn seen(snapshot: &mut Snapshot) -> &mut Seen {
        match &mut snapshot.recent {
            Recent::Seen(seen) => seen,
            Recent::Unknown { .. } => panic!("a healthy outbox is seen"),
        }
    }

    #[test]
    fn a_backlog_that_is_being_published_is_no_problem() {
        assert_eq!(said(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_problem_says_what_to_do() {
        assert_eq!(
            said(|snapshot| {
                snapshot.relay.state = "Disabled".into();
                snapshot.sweeper.state = "DISABLED".into();
            }),
            ["publishing is paused: outboxctl resume"]
        );
        assert_eq!(
            said(|snapshot| snapshot.relay.state = "Disabling".into()),
            ["the relay is Disabling: outboxctl resume"]
        );
        assert_eq!(
            said(|snapshot| snapshot.sweeper.state = "DISABLED".into()),
            ["the sweeper is disabled: outboxctl resume"]
        );
        assert_eq!(
            said(|snapshot| snapshot.relay.last_result = "PROBLEM: Function call failed".into()),
            [
                "the stream cannot be relayed: PROBLEM: Function call failed: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|snapshot| {
                seen(snapshot).failed = 6;
                seen(snapshot).last_failure = Some(now() - SignedDuration::from_secs(30));
            }),
            [
                "events are not published: 6 failed attempts in the past 15 min, the last within 2 min: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|snapshot| seen(snapshot).relayed = 0),
            [
                "no event was relayed in the past 15 min, but one has been pending for 20m: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|snapshot| seen(snapshot).sweeps = 0),
            [
                "no sweep has completed in the past 15 min: after a first deploy or a pause, wait for the next one: look at the log of the sweeper"
            ]
        );
        assert_eq!(
            said(|snapshot| {
                snapshot.backlog.oldest_pending = Some(now() - SignedDuration::from_mins(21));
            }),
            [
                "an event has been pending for 21m, look at the log of the sweeper: outboxctl pending"
            ]
        );
        assert_eq!(
            said(|snapshot| snapshot.backlog.parked = 1),
            ["1 row is parked: outboxctl parked"]
        );
        assert_eq!(
            said(|snapshot| snapshot.backlog.at_least = true),
            ["the table was not read to its end: there may be more: outboxctl pending"]
        );
        assert_eq!(
            said(|snapshot| snapshot.dead_letters.in_flight = 2),
            ["2 dead letters: outboxctl dlq list"]
        );
        assert_eq!(
            said(|snapshot| snapshot.recent = Recent::Unknown {
                unknown: "AccessDenied".into()
            }),
            [
                "it is unknown whether attempts have failed in the past 15 min: AccessDenied: look at the dashboard; the stack's output OperatorRoleArn has the permission"
            ]
        );
    }

    #[test]
    fn failures_that_a_retry_has_published_are_no_problem() {
        let failed_at = now() - SignedDuration::from_mins(5);
        let fail = |snapshot: &mut Snapshot, oldest_pending: Option<Timestamp>| {
            seen(snapshot).failed = 6;
            seen(snapshot).last_failure = Some(failed_at);
            snapshot.backlog.oldest_pending = oldest_pending;
            snapshot.backlog.pending = usize::from(oldest_pending.is_some());
        };
        let second = SignedDuration::from_secs(1);
        for (oldest_pending, expected) in [
            (None, 0),
            (Some(failed_at + second), 0),
            (Some(failed_at), 1),
            (Some(failed_at - second), 1),
        ] {
            let said = said(|snapshot| fail(snapshot, oldest_pending));
            assert_eq!(said.len(), expected, "{oldest_pending:?}: {said:?}");
        }
        // A row without a time may have been pending then.
        let unknown = said(|snapshot| {
            fail(snapshot, None);
            snapshot.backlog.pending = 1;
        });
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        // A row that was not read may have been pending then.
        let unread = said(|snapshot| {
            fail(snapshot, None);
            snapshot.backlog.at_least = true;
        });
        assert!(
            unread[0].starts_with("events are not published"),
            "{unread:?}"
        );
    }

    #[test]
    fn an_event_may_be_pending_until_metrics_show_it() {
        let wait = |window, waited| {
            said(|snapshot| {
                seen(snapshot).relayed = 0;
                snapshot.relay.batching_window = SignedDuration::from_mins(window);
                snapshot.backlog.oldest_pending = Some(now() - SignedDuration::from_mins(waited));
            })
        };
        assert_eq!(wait(0, 4), Vec::<String>::new());
        assert_eq!(wait(0, 5).len(), 1);
        assert_eq!(wait(2, 6), Vec::<String>::new());
        let paused = said(|snapshot| {
            seen(snapshot).relayed = 0;
            snapshot.relay.state = "Disabled".into();
        });
        assert_eq!(paused, ["the relay is Disabled: outboxctl resume"]);
    }

    #[test]
    fn a_mapping_in_transition_is_no_problem() {
        for state in ["Creating", "Enabling", "Updating"] {
            assert_eq!(
                said(|snapshot| snapshot.relay.state = state.into()),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn local_mappings_and_sweeps_are_not_judged() {
        assert_eq!(
            said(|snapshot| {
                snapshot.is_local = true;
                snapshot.relay.state = "Disabled".into();
                seen(snapshot).sweeps = 0;
            }),
            Vec::<String>::new()
        );
    }
}
