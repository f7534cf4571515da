//! The life of an event, step by step.

use askama::Template;
use devstack_api::{Ignored, Journey, Outcome, Publisher, PutResult, ReadResult, Step, What};
use jiff::{SignedDuration, Timestamp};

use super::{
    super::super::{app::App, view::Ago},
    found::FoundEvent,
};
use crate::age;

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
                let views = journey.steps.iter();
                steps.extend(views.map(|step| StepView::of(step, journey, first)));
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

    fn of(step: &Step, journey: &Journey, first: Option<Timestamp>) -> Self {
        let after = first.map(|first| step.at.duration_since(first));
        let mut view = Self::of_what(&step.what);
        if let What::Read { result, .. } = &step.what
            && *result == Some(ReadResult::Done)
            && let Some(function) = published_only_by(journey)
        {
            view.about = format!("{function} had published it at once: nothing was left to do");
        }
        match after.filter(|after| *after > SignedDuration::ZERO) {
            Some(after) => view.after = format!("+{}", age::short(after)),
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

/// Returns the function that published the event at once, if the relay didn't put it, too.
fn published_only_by(journey: &Journey) -> Option<&str> {
    let by_relay = |step: &Step| match &step.what {
        What::Put { by, .. } => *by == Publisher::Relay,
        _ => false,
    };
    let function = journey.published_at_once_by()?;
    let is_put_by_relay = journey.steps.iter().any(by_relay);
    (!is_put_by_relay).then_some(function)
}

fn put(request: u64, by: &Publisher, result: &PutResult) -> StepView {
    if let Publisher::Function(name) = by {
        return put_at_once(request, name, result);
    }
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

/// Returns the step of a function that publishes its own events. It tries once.
fn put_at_once(request: u64, function: &str, result: &PutResult) -> StepView {
    match result {
        PutResult::Accepted => {
            StepView::new("ok", "check", format!("Published at once by {function}")).about(format!(
                "right after its response, and not by a batch: accepted by the bus in PutEvents \
                 request {request}"
            ))
        }
        PutResult::Rejected(code) => {
            StepView::new("warn", "cross", "Rejected by the bus").about(format!(
                "PutEvents request {request}, at once by {function}: {code}; it is left to the \
                 stream"
            ))
        }
        PutResult::NoAnswer => {
            StepView::new("warn", "retry", "No response from the bus").about(format!(
                "PutEvents request {request}, at once by {function}: whether the bus has the event \
                 is not known, so it is left to the stream"
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put_by(by: Publisher, result: PutResult) -> What {
        What::Put {
            request: 5,
            by,
            result,
        }
    }

    fn at_once(result: PutResult) -> What {
        put_by(Publisher::Function("create-order".to_owned()), result)
    }

    fn read() -> What {
        What::Read {
            batch: 7,
            time: 1,
            result: Some(ReadResult::Done),
        }
    }

    /// Returns the texts of a journey with these steps.
    fn texts(steps: Vec<What>) -> Vec<(String, String)> {
        let at = Timestamp::UNIX_EPOCH;
        let journey = Journey {
            event_id: "e1".to_owned(),
            row: None,
            event_type: None,
            order_id: None,
            trace_id: None,
            steps: steps.into_iter().map(|what| Step { at, what }).collect(),
            omitted_steps: 0,
        };
        let views = journey.steps.iter();
        let views = views.map(|step| StepView::of(step, &journey, None));
        views.map(|view| (view.what, view.about)).collect()
    }

    #[test]
    fn an_event_published_at_once_was_not_published_by_its_batch() {
        let accepted = at_once(PutResult::Accepted);
        let texts_at_once = texts(vec![accepted.clone(), read()]);
        let [(published, how), (_, by_batch)] = &texts_at_once[..] else {
            panic!("{texts_at_once:?}");
        };
        assert_eq!(published, "Published at once by create-order");
        assert!(how.contains("not by a batch"), "{how}");
        assert!(how.contains("PutEvents request 5"), "{how}");
        assert!(by_batch.contains("nothing was left to do"), "{by_batch}");

        // The relay may publish it once more.
        let twice = vec![
            accepted,
            read(),
            put_by(Publisher::Relay, PutResult::Accepted),
        ];
        let twice = texts(twice);
        assert_eq!(twice[1].1, "");
        assert_eq!(twice[2].0, "Accepted by the bus");
    }

    #[test]
    fn what_a_function_could_not_publish_is_left_to_the_stream() {
        for result in [
            PutResult::Rejected("ThrottlingException".to_owned()),
            PutResult::NoAnswer,
        ] {
            let by_relay = put_by(Publisher::Relay, PutResult::Accepted);
            let texts = texts(vec![at_once(result), read(), by_relay]);
            assert!(texts[0].1.contains("at once by create-order"), "{texts:?}");
            assert!(texts[0].1.ends_with("left to the stream"), "{texts:?}");
            assert_eq!(texts[1].1, "");
            assert_eq!(texts[2].1, "PutEvents request 5, by the relay");
        }
    }
}
