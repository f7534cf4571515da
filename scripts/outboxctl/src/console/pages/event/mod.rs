//! One event: where it is, its life, its content, its neighbours, and what can be done about it.

mod actions;
mod edit;
mod found;
mod state;
mod timeline;

use std::sync::Arc;

use askama::{Template, filters::HtmlSafe};
use axum::{
    Router,
    extract::{Path, Query, State as FromApp},
    response::IntoResponse,
    routing::{get, post},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use self::{found::FoundEvent, state::EventState, timeline::Timeline};
use super::{
    super::{
        app::App,
        live::{Fragment, stream},
        markup::Markup,
        problem::PageProblem,
        search::trace_id,
        view::{Ago, CommandView, Layout, State, Tally, event_address},
    },
    Shared,
    forms::row_name,
};
use crate::{commands::difference::for_people, row_name::RowName};

/// The page.
#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    layout: Layout,
    event_type: String,
    row: String,
    address: String,
    aggregate_address: String,
    state: EventState,
    timeline: Timeline,
    /// What can be done, if the row is still there.
    actions: Option<Actions>,
    detail: Option<String>,
    facts: Vec<(&'static str, String)>,
    committed: Option<Ago>,
    trace: Option<(String, String)>,
    neighbours: Vec<Neighbour>,
    history: Vec<String>,
    /// What could not be read, and why.
    unread: Vec<String>,
}

/// What an operator can do about the row, with the commands.
struct Actions {
    is_parked: bool,
    edit: CommandView,
    unpark: CommandView,
    discard: CommandView,
    publish: CommandView,
}

/// A row of the same aggregate.
struct Neighbour {
    sequence: String,
    address: String,
    event_type: String,
    state: State,
    is_current: bool,
}

/// What a link may know about an event.
#[derive(Debug, Clone, Default, Deserialize)]
struct Hint {
    /// The event's id, by which the local stack knows it after its row is deleted.
    event: Option<String>,
}

impl HtmlSafe for EventState {}
impl HtmlSafe for Timeline {}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/events/{row}", get(page))
        .route("/live/events/{row}", get(live))
        .route("/events/{row}/unpark", post(actions::unpark))
        .route("/events/{row}/discard", post(actions::discard))
        .route("/events/{row}/publish", post(actions::publish))
        .route("/events/{row}/edit", get(edit::page).post(edit::difference))
        .route("/events/{row}/edit/again", post(edit::again))
        .route("/events/{row}/edit/publish", post(edit::publish))
}

async fn page(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Query(hint): Query<Hint>,
) -> Result<Markup, PageProblem> {
    let name = row_name(&app, &row)?;
    let found = FoundEvent::find(&app, &name, hint.event.as_deref()).await;
    let found = found.map_err(|error| PageProblem::of(&app, &error))?;
    let stream = match &hint.event {
        Some(id) => format!(
            "/live{}?event={}",
            event_address(&row),
            utf8_percent_encode(id, NON_ALPHANUMERIC)
        ),
        None => format!("/live{}", event_address(&row)),
    };
    let title = found.event_type();
    let layout = Layout::of(&app, format!("{title} {row}"), "/events").live(stream);
    Ok(Markup::of(&EventPage::of(&app, layout, &name, &found)))
}

async fn live(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Query(hint): Query<Hint>,
) -> Result<impl IntoResponse, PageProblem> {
    let name = row_name(&app, &row)?;
    Ok(stream(app, move |app, reading| {
        let (name, hint) = (name.clone(), hint.clone());
        async move {
            let mut fragments = vec![Fragment {
                id: "tally",
                html: Markup::of(&Tally::of(Some(&reading))),
            }];
            // If it can't be read now, the page keeps what it shows.
            if let Ok(found) = FoundEvent::find(&app, &name, hint.event.as_deref()).await {
                fragments.push(Fragment {
                    id: "event-state",
                    html: Markup::of(&EventState::of(&app, &found)),
                });
                fragments.push(Fragment {
                    id: "timeline",
                    html: Markup::of(&Timeline::of(&app, &found)),
                });
            }
            fragments
        }
    }))
}

impl EventPage {
    fn of(app: &App, layout: Layout, name: &RowName, found: &FoundEvent) -> Self {
        let row = name.to_string();
        let content = found.content();
        let trace = content.and_then(|row| row.trace_header.as_deref());
        let trace = trace.and_then(trace_id).map(|id| {
            let encoded = utf8_percent_encode(id, NON_ALPHANUMERIC);
            (id.to_owned(), format!("/events?trace={encoded}"))
        });
        let aggregate = utf8_percent_encode(&name.aggregate_id, NON_ALPHANUMERIC);
        Self {
            layout,
            event_type: found.event_type(),
            address: event_address(&row),
            aggregate_address: format!("/events?aggregate={aggregate}"),
            state: EventState::of(app, found),
            timeline: Timeline::of(app, found),
            actions: found.stored.as_ref().map(|stored| {
                let is_parked = stored.parked.is_some();
                Actions::of(app, &row, is_parked)
            }),
            detail: content.map(|row| for_people(&row.detail)),
            facts: facts(found),
            committed: found.committed_at().map(Ago::of),
            trace,
            neighbours: neighbours(found),
            history: history(found),
            unread: found.unread.clone(),
            row,
        }
    }
}

impl Actions {
    fn of(app: &App, row: &str, is_parked: bool) -> Self {
        let command = |name: &'static str, options: &[&str]| {
            CommandView::new(name, app.context.command_for(&[name], row, options))
        };
        Self {
            is_parked,
            edit: command("edit", &[]),
            unpark: command("unpark", &[]),
            discard: command("discard", &["--reason", "…"]),
            publish: command("publish", &[]),
        }
    }
}

fn facts(found: &FoundEvent) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Type", found.event_type())];
    if let Some(id) = &found.event_id {
        facts.push(("Event id", id.clone()));
    }
    if let Some(row) = found.content() {
        facts.push(("Source", row.source.clone()));
        facts.push(("Edits", row.edits.to_string()));
    }
    facts
}

fn neighbours(found: &FoundEvent) -> Vec<Neighbour> {
    let rows = found.neighbours.iter().map(|row| {
        let key = &row.stored.candidate.key;
        Neighbour {
            sequence: key
                .sequence()
                .map_or_else(|| key.position.clone(), |sequence| sequence.to_string()),
            address: event_address(&key.to_string()),
            event_type: match &row.stored.candidate.row {
                Ok(row) => row.detail_type.clone(),
                Err(_) => "unknown".to_owned(),
            },
            state: state::of_row(row),
            is_current: found.key.as_ref() == Some(key),
        }
    });
    rows.collect()
}

fn history(found: &FoundEvent) -> Vec<String> {
    let decisions = found.decisions.iter().map(|decision| {
        let at = decision
            .at
            .map_or("at an unknown time".to_owned(), |at| format!("{at:.0}"));
        let reason = decision.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(", because: {reason}"));
        format!("{at} {} by {}{reason}", decision.what, decision.by)
    });
    decisions.collect()
}
