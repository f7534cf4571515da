//! The batches of the local stack's mapping, each as a tree of what followed it.

use std::{fmt::Write, sync::Arc};

use askama::{Template, filters::HtmlSafe};
use axum::{
    Router, extract::State as FromApp, http::StatusCode, response::IntoResponse, routing::get,
};
use devstack_api::{Attempt, Batch, GivenUp, Origin, Outcome, Part, PartState};

use super::{
    super::{
        app::App,
        live::{Fragment, Reading, stream},
        markup::Markup,
        problem::PageProblem,
        view::{Ago, Layout, RowLink, State, Tally},
    },
    Shared,
};
use crate::output::count;

#[derive(Template)]
#[template(path = "batches.html")]
struct BatchesPage {
    layout: Layout,
    batches: BatchesView,
}

/// The newest batches.
#[derive(Template)]
#[template(path = "batches-list.html")]
struct BatchesView {
    takes_orders: bool,
    batches: Vec<BatchView>,
}

impl HtmlSafe for BatchesView {}

struct BatchView {
    number: u64,
    state: State,
    records: String,
    at: Ago,
    attempts: String,
    whole: PartView,
}

/// A batch or a part of it, with what followed.
#[derive(Template)]
#[template(path = "batch-part.html")]
struct PartView {
    because: Option<String>,
    attempts: Vec<AttemptView>,
    children: Vec<Self>,
}

impl HtmlSafe for PartView {}

struct AttemptView {
    because: Option<String>,
    state: State,
    about: String,
    link: Option<RowLink>,
    cells: Vec<&'static str>,
    label: String,
    took: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/batches", get(page))
        .route("/live/batches", get(live))
}

async fn page(FromApp(app): Shared) -> Result<Markup, PageProblem> {
    if app.local.is_none() {
        return Err(not_local(&app));
    }
    let reading = app.live.reading().await;
    Ok(Markup::of(&BatchesPage {
        layout: Layout::of(&app, "Batches", "/batches").live("/live/batches"),
        batches: BatchesView::of(&app, &reading),
    }))
}

/// Returns why a page of the local stack isn't there.
pub(super) fn not_local(app: &App) -> PageProblem {
    let what = "only the local stack of 'make dev' has this page";
    PageProblem::told(app, StatusCode::NOT_FOUND, what)
}

async fn live(FromApp(app): Shared) -> impl IntoResponse {
    stream(app, |app, reading| async move {
        vec![
            Fragment {
                id: "tally",
                html: Markup::of(&Tally::of(Some(&reading))),
            },
            Fragment {
                id: "batches",
                html: Markup::of(&BatchesView::of(&app, &reading)),
            },
        ]
    })
}

impl BatchesView {
    fn of(app: &App, reading: &Reading) -> Self {
        let local = reading.local.as_ref();
        let batches = local.and_then(|local| local.batches.get());
        Self {
            takes_orders: app.takes_orders(),
            batches: batches.map_or_else(Vec::new, |batches| {
                batches.iter().map(BatchView::of).collect()
            }),
        }
    }
}

impl BatchView {
    fn of(batch: &Batch) -> Self {
        let numbers = batch.whole.records.iter();
        let numbers: Vec<&str> = numbers.map(|it| it.sequence_number.as_str()).collect();
        Self {
            number: batch.number,
            state: part_state(batch.state),
            records: count(batch.whole.records.len(), "record"),
            at: Ago::of(batch.at),
            attempts: count(attempts(&batch.whole), "attempt"),
            whole: PartView::of(&batch.whole, &numbers),
        }
    }
}

fn attempts(part: &Part) -> usize {
    let omitted = usize::try_from(part.omitted_attempts).unwrap_or(usize::MAX);
    let of_children: usize = part.children.iter().map(attempts).sum();
    part.attempts.len() + omitted + of_children
}

fn part_state(state: PartState) -> State {
    match state {
        PartState::InFlight => State::new("active", "clock", "in flight"),
        PartState::ToRetry => State::new("warn", "retry", "to retry"),
        PartState::GivenUp => State::new("bad", "alert", "given up"),
        PartState::Stopped => State::idle("stopped"),
        PartState::Done => State::ok("done"),
    }
}

impl PartView {
    fn of(part: &Part, whole: &[&str]) -> Self {
        let because = match part.origin {
            Origin::Batch => None,
            Origin::FirstHalf => Some("Lambda splits the batch in two. First half"),
            Origin::SecondHalf => Some("Second half"),
            Origin::Rest => Some("Lambda delivers again from the record that failed"),
        };
        let pause = pause(part.pause_milliseconds);
        let mut attempts: Vec<AttemptView> = part
            .attempts
            .iter()
            .map(|attempt| AttemptView::of(attempt, part, whole))
            .collect();
        if part.omitted_attempts > 0
            && let Some(last) = attempts.last_mut()
        {
            let because = last.because.get_or_insert_default();
            let _ = write!(because, " After {} more attempts:", part.omitted_attempts);
        }
        attempts.extend(
            part.given_up
                .iter()
                .map(|it| AttemptView::given_up(it, part, whole)),
        );
        Self {
            because: because.map(|because| format!("{because}{pause}:")),
            attempts,
            children: part
                .children
                .iter()
                .map(|child| Self::of(child, whole))
                .collect(),
        }
    }
}

fn pause(milliseconds: Option<u64>) -> String {
    match milliseconds {
        None | Some(0) => String::new(),
        Some(milliseconds) => format!(", after a pause of {}", duration(milliseconds)),
    }
}

fn duration(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
    }
}

impl AttemptView {
    fn of(attempt: &Attempt, part: &Part, whole: &[&str]) -> Self {
        let records = part.records.len();
        let (state, about) = match attempt.outcome {
            None => (State::new("active", "clock", "in flight"), String::new()),
            Some(Outcome::Success) => (State::ok("success"), count(records, "record")),
            Some(Outcome::PartialFailure) => (
                State::new("warn", "alert", "partial failure"),
                format!("{} done, then failed:", attempt.done),
            ),
            Some(Outcome::FunctionError) => (
                State::bad("function error"),
                format!("{}: {}", count(records, "record"), attempt.text),
            ),
            Some(Outcome::NotReached) => (
                State::new("warn", "question", "not reached"),
                attempt.text.clone(),
            ),
        };
        let failed = match (attempt.first_failed, attempt.outcome) {
            (Some(index), _) => part.records.get(index),
            (None, Some(Outcome::FunctionError)) if records == 1 => part.records.first(),
            _ => None,
        };
        let because = (attempt.number > 1)
            .then(|| format!("It is retried{}:", pause(attempt.pause_milliseconds)));
        let cells = cells(part, whole, |index| in_attempt(attempt, records, index));
        Self {
            because,
            link: failed
                .and_then(|record| Some((record.row.clone()?, record.event_id.as_deref())))
                .map(|(row, id)| RowLink::of_event(row, id)),
            label: label(&cells),
            cells,
            state,
            about,
            took: attempt.milliseconds.map_or_else(String::new, duration),
        }
    }

    fn given_up(given_up: &GivenUp, part: &Part, whole: &[&str]) -> Self {
        let cells = cells(part, whole, |index| {
            if index < given_up.records {
                "given-up"
            } else {
                "out"
            }
        });
        let records = count(given_up.records, "record");
        let lost = match &given_up.lost {
            Some(why) => format!("the dead letter could not be sent: {why}"),
            None => "a dead letter names it; the sweeper publishes it".to_owned(),
        };
        Self {
            because: Some(format!("{}:", given_up.condition)),
            state: State::new("bad", "alert", "given up"),
            about: format!("{records}: {lost}"),
            link: None,
            label: label(&cells),
            cells,
            took: String::new(),
        }
    }
}

/// Returns what became of a record of a part in one attempt.
fn in_attempt(attempt: &Attempt, records: usize, index: usize) -> &'static str {
    match attempt.outcome {
        None => "in-flight",
        Some(Outcome::Success) => "done",
        Some(Outcome::PartialFailure) if index < attempt.done => "done",
        Some(Outcome::PartialFailure) if attempt.first_failed == Some(index) => "failed",
        Some(Outcome::FunctionError) if records == 1 => "failed",
        _ => "again",
    }
}

/// Returns a cell for each record of the whole batch.
fn cells(part: &Part, whole: &[&str], of: impl Fn(usize) -> &'static str) -> Vec<&'static str> {
    let place = |number: &str| {
        let mut records = part.records.iter();
        records.position(|record| record.sequence_number == number)
    };
    let cells = whole.iter().map(|number| place(number).map_or("out", &of));
    cells.collect()
}

fn label(cells: &[&str]) -> String {
    let words = [
        ("done", "done"),
        ("failed", "failed"),
        ("again", "delivered again"),
        ("given-up", "given up"),
        ("in-flight", "in flight"),
    ];
    let counts = words.iter().filter_map(|(cell, word)| {
        let count = cells.iter().filter(|it| it == &cell).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    let all = cells.iter().filter(|cell| **cell != "out").count();
    let counts: Vec<String> = counts.collect();
    format!("{}: {}", count(all, "record"), counts.join(", "))
}
