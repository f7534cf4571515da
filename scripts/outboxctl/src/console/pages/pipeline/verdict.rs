//! What is wrong, and what to do: the problems that `status` finds, and what can't be read.

use askama::{Template, filters::HtmlSafe};
use jiff::Timestamp;

use super::super::super::{
    app::App,
    live::{FailureKind, Reading},
    view::Notice,
};
use crate::{
    age,
    commands::status::{About, Problem, judge},
};

/// The notices above the pipeline.
#[derive(Template)]
#[template(path = "verdict.html")]
pub(super) struct Verdict {
    notices: Vec<Notice>,
}

impl HtmlSafe for Verdict {}

impl Verdict {
    pub(super) fn of(app: &App, reading: &Reading) -> Self {
        let mut notices = failures(reading);
        notices.extend(troubles(reading));
        let has_failed = !notices.is_empty();
        let snapshot = reading.snapshot(&app.context);
        let problems =
            snapshot.map(|snapshot| judge(&snapshot, Timestamp::now(), &app.context.commands));
        let problems = problems.unwrap_or_default();
        notices.extend(problems.iter().map(notice));
        if notices.is_empty() && reading.backlog.get().is_none() {
            let reading = "The values are shown as soon as AWS has responded.";
            notices.push(Notice::warn("The outbox is being read").text(reading));
        } else if notices.is_empty() {
            notices.push(Notice::ok("All is well").text(well(reading)));
        } else if has_failed && problems.is_empty() && !reading.is_stale() {
            notices.push(Notice::ok("The rest is well"));
        }
        Self { notices }
    }
}

fn well(reading: &Reading) -> &'static str {
    let local = reading
        .local
        .as_ref()
        .and_then(|local| local.activity.get());
    if local.is_some_and(|activity| activity.pipeline.commands.placed == 0) {
        return "The stack runs, and waits for its first order.";
    }
    "Events are published. Nothing is parked, and there are no dead letters."
}

fn failures(reading: &Reading) -> Vec<Notice> {
    let failures = reading.failures().into_iter();
    let notices = failures.map(|failure| match failure.kind {
        FailureKind::Unreachable => {
            let since = reading.backlog.read_at.map_or(
                "Nothing was read yet; it is tried again.".to_owned(),
                |at| {
                    format!(
                        "What is shown was read {} ago; it is tried again.",
                        age::age(at)
                    )
                },
            );
            Notice::bad("AWS or the local stack can't be reached")
                .text(failure.message)
                .text(since)
        }
        FailureKind::Denied => Notice::warn("A permission is missing")
            .text(failure.message)
            .text(
                "What it would show is not known. The stack's operator role has all permissions: \
                 see its output OperatorRoleArn.",
            ),
        FailureKind::Other => Notice::warn("A part can't be read").text(failure.message),
    });
    notices.collect()
}

/// Returns what the local stack says is wrong, each once.
fn troubles(reading: &Reading) -> Vec<Notice> {
    let Some(local) = &reading.local else {
        return Vec::new();
    };
    let Some(activity) = local.activity.get() else {
        return Vec::new();
    };
    let pipeline = &activity.pipeline;
    let parts = [
        &pipeline.commands.trouble,
        &pipeline.outbox.trouble,
        &pipeline.mapping.trouble,
        &pipeline.relay.trouble,
        &pipeline.bus.trouble,
        &pipeline.shipping.trouble,
    ];
    let mut troubles: Vec<&String> = parts.into_iter().flatten().collect();
    troubles.dedup();
    let pending = reading.backlog.get().map_or(0, |rows| rows.backlog.pending);
    let has_faults = local.faults.get().is_some_and(|faults| !faults.is_empty());
    let notices = troubles.into_iter().map(|trouble| {
        let mut notice = Notice::bad(trouble.clone());
        if pending > 0 {
            let what = crate::output::count(pending, "event");
            notice = notice.text(format!(
                "{what} in the outbox. Nothing is lost: the stream retries, and what it gives up \
                 the sweeper publishes."
            ));
        }
        notice = notice.link("/batches", "See the batches");
        if has_faults {
            notice = notice.link("/faults", "Clear the fault");
        }
        notice
    });
    notices.collect()
}

fn notice(problem: &Problem) -> Notice {
    let notice = Notice::warn(problem.what.clone());
    match problem.about {
        About::Parked => notice
            .text("It can't be published as it is. Edit it, unpark it once its cause is fixed, or discard it.")
            .link("/fix", "Fix it"),
        About::DeadLetters => notice
            .text("A hint: what it names is in the outbox, or settled since. Replay it once its cause is fixed.")
            .link("/fix#letters", "See the letters"),
        About::Other => notice.text(problem.next.clone()),
    }
}
