//! What is wrong with an outbox, by what was seen of it, and what to do.

use jiff::{SignedDuration, Timestamp};
use outbox::handlers::DEFAULT_GRACE;
use serde::Serialize;

use super::{
    Status,
    recent::{PAST, Recent, Seen},
};
use crate::{age, command_line::CommandLine, output::count};

/// An event is late once even the sweeper should have had it: the grace period
/// and a sweep.
const LATE: SignedDuration = SignedDuration::from_mins(DEFAULT_GRACE.as_mins() + 5);

/// How long CloudWatch may take until it shows what has happened, with a margin.
const UNTIL_SHOWN: SignedDuration = SignedDuration::from_mins(4);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    pub(super) what: String,
    /// A command to type, or where to look.
    pub(super) next: String,
}

/// Lists what is wrong, the most urgent first.
pub(super) fn problems(status: &Status, now: Timestamp, commands: &CommandLine) -> Vec<Problem> {
    let found = [
        paused(status, commands),
        not_relayed(status),
        failing(status, now),
        stuck(status, now),
        unswept(status),
        late(status, now, commands),
        parked(status, commands),
        partly_read(status, commands),
        dead_letters(status, commands),
        unknown(status),
    ];
    found.into_iter().flatten().collect()
}

impl Problem {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self { what, next }
    }
}

/// What is on its way there needs nobody: Creating, Enabling, Updating.
fn is_relay_off(status: &Status) -> bool {
    let state = status.relay.state.as_str();
    !status.is_local && ["Disabled", "Disabling", "Deleting"].contains(&state)
}

fn is_sweeper_off(status: &Status) -> bool {
    !status.sweeper.state.eq_ignore_ascii_case("enabled")
}

fn paused(status: &Status, commands: &CommandLine) -> Option<Problem> {
    let what = match (is_relay_off(status), is_sweeper_off(status)) {
        (false, false) => return None,
        (true, true) => "publishing is paused".to_owned(),
        (true, false) => format!("the relay is {}", status.relay.state),
        (false, true) => "the sweeper does not run".to_owned(),
    };
    Some(Problem::new(what, commands.with(&["resume"])))
}

fn not_relayed(status: &Status) -> Option<Problem> {
    let result = &status.relay.last_result;
    if !result.starts_with("PROBLEM") {
        return None;
    }
    let what = format!("the stream cannot be relayed: {result}");
    Some(Problem::new(what, status.relay_log()))
}

/// Failures count as long as an event waits that was there when they happened. The
/// table is what is sure: if it has no such event, all that failed got through.
fn failing(status: &Status, now: Timestamp) -> Option<Problem> {
    let seen = status.recent.seen()?;
    let failed_at = seen.last_failure?;
    if !status.has_waited_since(failed_at) {
        return None;
    }
    let failures = count(seen.failed, "failed attempt");
    let what = format!(
        "events are not published: {failures} {PAST}, the last {}",
        Seen::how_long_ago(failed_at, now)
    );
    Some(Problem::new(what, status.relay_log()))
}

/// No failure is seen, nor anything else, though an event waits.
fn stuck(status: &Status, now: Timestamp) -> Option<Problem> {
    let seen = status.recent.seen()?;
    let waited = status.waited(now)?;
    let is_idle = seen.relayed == 0 && seen.last_failure.is_none();
    if is_relay_off(status) || !is_idle || waited <= UNTIL_SHOWN + status.relay.batching_window {
        return None;
    }
    let waited = age::text(waited);
    let what = format!("no event was relayed {PAST}, though one has waited for {waited}");
    Some(Problem::new(what, status.relay_log()))
}

/// The local AWS has no metrics of the sweeper.
fn unswept(status: &Status) -> Option<Problem> {
    let seen = status.recent.seen()?;
    if status.is_local || is_sweeper_off(status) || seen.sweeps > 0 {
        return None;
    }
    let what = format!(
        "no sweep has ended {PAST}: after a first deploy or a pause, wait for the next one"
    );
    Some(Problem::new(what, "look at the log of the sweeper"))
}

fn late(status: &Status, now: Timestamp, commands: &CommandLine) -> Option<Problem> {
    let waited = status.waited(now).filter(|waited| *waited > LATE)?;
    let what = format!(
        "an event has waited for {}, see the log of the sweeper",
        age::text(waited)
    );
    Some(Problem::new(what, commands.with(&["pending"])))
}

fn parked(status: &Status, commands: &CommandLine) -> Option<Problem> {
    let rows = status.backlog.parked;
    if rows == 0 {
        return None;
    }
    let is = if rows == 1 { "is" } else { "are" };
    let what = format!("{} {is} set aside", count(rows, "row"));
    Some(Problem::new(what, commands.with(&["parked"])))
}

fn partly_read(status: &Status, commands: &CommandLine) -> Option<Problem> {
    if !status.backlog.at_least {
        return None;
    }
    let what = "the table was not read to its end: there may be more";
    Some(Problem::new(what, commands.with(&["pending"])))
}

fn dead_letters(status: &Status, commands: &CommandLine) -> Option<Problem> {
    let letters = status.dead_letters.visible + status.dead_letters.in_work;
    if letters == 0 {
        return None;
    }
    Some(Problem::new(
        count(letters, "dead letter"),
        commands.with(&["dlq", "list"]),
    ))
}

fn unknown(status: &Status) -> Option<Problem> {
    let Recent::Unknown { unknown } = &status.recent else {
        return None;
    };
    let what = format!("whether attempts have failed {PAST} is not known: {unknown}");
    Some(Problem::new(
        what,
        "look at the dashboard; the stack's output OperatorRoleArn has the permission",
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::healthy, *};

    fn now() -> Timestamp {
        "2026-11-24T09:00:00Z".parse().unwrap()
    }

    fn commands() -> CommandLine {
        CommandLine::Program {
            program: "outboxctl".to_owned(),
            outbox: Vec::new(),
        }
    }

    fn said(change: impl FnOnce(&mut Status)) -> Vec<String> {
        let mut status = healthy(now());
        change(&mut status);
        let problems = problems(&status, now(), &commands());
        let said = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.what, problem.next));
        said.collect()
    }

    fn seen(status: &mut Status) -> &mut Seen {
        match &mut status.recent {
            Recent::Seen(seen) => seen,
            Recent::Unknown { .. } => panic!("a healthy outbox is seen"),
        }
    }

    #[test]
    fn a_backlog_that_moves_needs_nobody() {
        assert_eq!(said(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_problem_says_what_to_type() {
        assert_eq!(
            said(|status| {
                status.relay.state = "Disabled".into();
                status.sweeper.state = "DISABLED".into();
            }),
            ["publishing is paused: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.relay.state = "Disabling".into()),
            ["the relay is Disabling: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.sweeper.state = "DISABLED".into()),
            ["the sweeper does not run: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.relay.last_result = "PROBLEM: Function call failed".into()),
            [
                "the stream cannot be relayed: PROBLEM: Function call failed: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|status| {
                seen(status).failed = 6;
                seen(status).last_failure = Some(now() - SignedDuration::from_secs(30));
            }),
            [
                "events are not published: 6 failed attempts in the past 15 min, the last within 2 min: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|status| seen(status).relayed = 0),
            [
                "no event was relayed in the past 15 min, though one has waited for 20m: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|status| seen(status).sweeps = 0),
            ["no sweep has come to its end in the past 15 min: look at the log of the sweeper"]
        );
        assert_eq!(
            said(|status| {
                status.backlog.oldest_pending = Some(now() - SignedDuration::from_mins(21));
            }),
            ["an event has waited for 21m, see the log of the sweeper: outboxctl pending"]
        );
        assert_eq!(
            said(|status| status.backlog.parked = 1),
            ["1 row is set aside: outboxctl parked"]
        );
        assert_eq!(
            said(|status| status.backlog.at_least = true),
            ["the table was not read to its end: there may be more: outboxctl pending"]
        );
        assert_eq!(
            said(|status| status.dead_letters.in_work = 2),
            ["2 dead letters: outboxctl dlq list"]
        );
        assert_eq!(
            said(|status| status.recent = Recent::Unknown {
                unknown: "AccessDenied".into()
            }),
            [
                "whether attempts have failed in the past 15 min is not known: AccessDenied: look at the dashboard; the stack's output OperatorRoleArn has the permission"
            ]
        );
    }

    #[test]
    fn what_has_failed_and_got_through_since_needs_nobody() {
        let failed_at = now() - SignedDuration::from_mins(5);
        let fail = |status: &mut Status, oldest_pending: Option<Timestamp>| {
            seen(status).failed = 6;
            seen(status).last_failure = Some(failed_at);
            status.backlog.oldest_pending = oldest_pending;
            status.backlog.pending = usize::from(oldest_pending.is_some());
        };
        let second = SignedDuration::from_secs(1);
        for (oldest_pending, expected) in [
            (None, 0),
            (Some(failed_at + second), 0),
            (Some(failed_at), 1),
            (Some(failed_at - second), 1),
        ] {
            let said = said(|status| fail(status, oldest_pending));
            assert_eq!(said.len(), expected, "{oldest_pending:?}: {said:?}");
        }
        // Nobody knows since when it waits.
        let unknown = said(|status| {
            fail(status, None);
            status.backlog.pending = 1;
        });
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        // What was not read may wait since then.
        let unread = said(|status| {
            fail(status, None);
            status.backlog.at_least = true;
        });
        assert!(
            unread[0].starts_with("events are not published"),
            "{unread:?}"
        );
    }

    #[test]
    fn an_event_may_wait_until_metrics_can_show_it() {
        let wait = |window, waited| {
            said(|status| {
                seen(status).relayed = 0;
                status.relay.batching_window = SignedDuration::from_mins(window);
                status.backlog.oldest_pending = Some(now() - SignedDuration::from_mins(waited));
            })
        };
        assert_eq!(wait(0, 4), Vec::<String>::new());
        assert_eq!(wait(0, 5).len(), 1);
        assert_eq!(wait(2, 6), Vec::<String>::new());
        let paused = said(|status| {
            seen(status).relayed = 0;
            status.relay.state = "Disabled".into();
        });
        assert_eq!(paused, ["the relay is Disabled: outboxctl resume"]);
    }

    #[test]
    fn a_mapping_on_its_way_needs_nobody() {
        for state in ["Creating", "Enabling", "Updating"] {
            assert_eq!(
                said(|status| status.relay.state = state.into()),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn the_local_mapping_is_driven_by_others_and_its_sweeps_are_not_counted() {
        assert_eq!(
            said(|status| {
                status.is_local = true;
                status.relay.state = "Disabled".into();
                seen(status).sweeps = 0;
            }),
            Vec::<String>::new()
        );
    }
}
