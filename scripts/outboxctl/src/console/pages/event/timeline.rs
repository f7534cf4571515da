//! The life of an event, step by step.

use askama::Template;
use devstack_api::{Ignored, Outcome, Publisher, PutResult, ReadResult, Step, What};
use jiff::{SignedDuration, Timestamp};

use super::{
    super::super::{app::App, view::Ago},
    found::FoundEvent,
};

#[derive(Template)]
#[template(path = "timeline.html")]
pub(super) struct Timeline {
    steps: Vec<StepView>,
    omitted: u64,
}

/// A step of the life.
struct StepView {
    class: &'static str,
    icon: &'static str,
    what: String,
    about: String,
    /// The batch, and its address.
    batch: Option<(String, String)>,
    at: Option<Ago>,
    /// How long after the first step.
    after: String,
}

impl Timeline {
    pub(super) fn of(app: &App, found: &FoundEvent) -> Self {
        let mut steps = Vec::new();
        match &found.journey {
            Some(journey) => {
                let first = journey.steps.first().map(|step| step.at);
                steps.extend(journey.steps.iter().map(|step| StepView::of(step, first)));
            }
            None => steps.extend(without_journey(app, found)),
        }
        steps.extend(now(found));
        Self {
            steps,
            omitted: found.journey.as_ref().map_or(0, |it| it.omitted_steps),
        }
    }
}

/// Returns what is known without the local stack.
fn without_journey(app: &App, found: &FoundEvent) -> Vec<StepView> {
    let mut committed = StepView::new("ok", "check", "Committed");
    committed.at = found.committed_at().map(Ago::of);
    let mut unknown = StepView::new("gap", "question", "Attempts are not known");
    let why = if !found.unread.is_empty() && app.local.is_some() {
        "The local stack could not be asked."
    } else if app.context.deployment.is_local {
        "The local stack knows nothing of this event: it was restarted, or the event is old."
    } else {
        "A deployed stack keeps no record of attempts. The relay logs each failure: search its \
         log for the event id."
    };
    unknown.about.push_str(why);
    vec![committed, unknown]
}

/// Returns what the table says now.
fn now(found: &FoundEvent) -> Option<StepView> {
    let stored = found.stored.as_ref()?;
    let is_told = |is: fn(&What) -> bool| {
        let last = found
            .journey
            .iter()
            .filter_map(|journey| journey.steps.last());
        last.into_iter().any(|step| is(&step.what))
    };
    let mut step = match (&stored.parked, &found.held_behind) {
        (Some(_), _) if is_told(|what| matches!(what, What::Parked { .. })) => return None,
        (Some(mark), _) => {
            let mut step = StepView::new("warn", "pause", "Parked");
            step.about.clone_from(&mark.reason);
            step.at = Some(Ago::of(mark.at));
            return Some(step);
        }
        (None, Some(_)) => StepView::new("warn gap", "behind", "Held"),
        (None, None) => StepView::new("active gap", "clock", "In the outbox, pending"),
    };
    step.about = if found.held_behind.is_some() {
        "an earlier event of its aggregate is parked".to_owned()
    } else {
        "the relay publishes it within seconds; what it leaves, the sweeper after 15 to 20 minutes"
            .to_owned()
    };
    Some(step)
}

impl StepView {
    fn new(class: &'static str, icon: &'static str, what: impl Into<String>) -> Self {
        Self {
            class,
            icon,
            what: what.into(),
            about: String::new(),
            batch: None,
            at: None,
            after: String::new(),
        }
    }

    fn about(self, about: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            ..self
        }
    }

    fn in_batch(self, batch: u64) -> Self {
        Self {
            batch: Some((format!("batch {batch}"), format!("/batches#batch-{batch}"))),
            ..self
        }
    }

    fn of(step: &Step, first: Option<Timestamp>) -> Self {
        let after = first.map(|first| step.at.duration_since(first));
        let mut view = Self::of_what(&step.what);
        match after.filter(|after| *after > SignedDuration::ZERO) {
            Some(after) => view.after = format!("+{}", milliseconds(after)),
            None => view.at = Some(Ago::of(step.at)),
        }
        view
    }

    fn of_what(what: &What) -> Self {
        match what {
            What::Committed { by, is_damaged } => {
                let damaged = if *is_damaged {
                    "; a fault has damaged it"
                } else {
                    ""
                };
                Self::new("ok", "check", "Committed").about(format!(
                    "with its order, in one transaction, by {by}{damaged}"
                ))
            }
            What::Read {
                batch,
                time,
                result,
            } => {
                let again = if *time > 1 { " again" } else { "" };
                let class = match result {
                    Some(ReadResult::Done) => "",
                    Some(ReadResult::Retried(_)) => "warn",
                    Some(ReadResult::GivenUp(_)) => "bad",
                    None => "active",
                };
                Self::new(class, "clock", format!("Read{again} by the stream mapping"))
                    .about(read_result(result.as_ref()))
                    .in_batch(*batch)
            }
            What::Put {
                request,
                by,
                result,
            } => put(*request, by, result),
            What::Delivered { time: 1, .. } => Self::new("ok", "check", "Delivered"),
            What::Delivered { time, cause } => Self::new(
                "warn",
                "alert",
                format!("Delivered once more: {time} times so far"),
            )
            .about(cause.clone().map_or_else(
                || "a duplicate".to_owned(),
                |cause| format!("a duplicate: {cause}"),
            )),
            What::Deleted { by } => Self::new("ok", "check", "Deleted from the outbox")
                .about(format!("by {}, because the bus has it", publisher(by))),
            What::Parked { by, code } => Self::new("warn", "pause", "Parked").about(format!(
                "by {}: {}; a dead letter was sent first",
                publisher(by),
                code.as_deref().unwrap_or("unknown")
            )),
            What::GivenUp { batch, condition } => {
                Self::new("bad", "alert", "Given up by the stream mapping")
                    .about(format!(
                        "{condition}: a dead letter was sent, and the sweeper publishes it"
                    ))
                    .in_batch(*batch)
            }
            What::Handled { shipment, status } => Self::new("ok", "box", "Handled by shipping")
                .about(format!(
                    "shipment {shipment} {}",
                    status.as_deref().unwrap_or("changed")
                )),
            What::Ignored {
                why: Ignored::HandledBefore,
            } => Self::new("", "minus", "Ignored by shipping")
                .about("its inbox already has this event"),
            What::NotHandled { code } => Self::new("bad", "cross", "Not handled by shipping")
                .about(format!("{code}; it is redelivered")),
        }
    }
}

fn put(request: u64, by: &Publisher, result: &PutResult) -> StepView {
    let by = publisher(by);
    match result {
        PutResult::Accepted => StepView::new("ok", "check", "Accepted by the bus")
            .about(format!("PutEvents request {request}, by {by}")),
        PutResult::Rejected(code) => StepView::new("bad", "cross", "Rejected by the bus")
            .about(format!("PutEvents request {request}, by {by}: {code}")),
        PutResult::NoAnswer => {
            StepView::new("warn", "retry", "No response from the bus").about(format!(
                "PutEvents request {request}, by {by}: whether the bus has the event is not known, \
                 so it is sent again"
            ))
        }
    }
}

fn publisher(by: &Publisher) -> &str {
    match by {
        Publisher::Relay => "the relay",
        Publisher::Sweeper => "the sweeper",
        Publisher::Function(name) => name,
        Publisher::Unknown => "an operator or another program",
    }
}

fn read_result(result: Option<&ReadResult>) -> &'static str {
    let ended = |outcome: &Outcome| match outcome {
        Outcome::Success => "",
        Outcome::PartialFailure => "the relay reported a failure: it is retried",
        Outcome::FunctionError => "the relay failed: it is retried",
        Outcome::NotReached => "the relay could not be invoked: it is retried",
    };
    match result {
        None => "the relay is processing it",
        Some(ReadResult::Done) => "",
        Some(ReadResult::Retried(outcome)) => ended(outcome),
        Some(ReadResult::GivenUp(_)) => "the last attempt",
    }
}

fn milliseconds(time: SignedDuration) -> String {
    match time.as_millis() {
        milliseconds @ ..1_000 => format!("{milliseconds} ms"),
        milliseconds @ 1_000..60_000 => {
            format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
        }
        _ => crate::age::text(time),
    }
}
