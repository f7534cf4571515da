//! What is to be fixed: parked events and dead letters, in groups by reason.

mod group;
mod group_actions;
mod letters;
mod letters_actions;

use std::sync::Arc;

use askama::{Template, filters::HtmlSafe};
use axum::{
    Router,
    extract::State as FromApp,
    response::IntoResponse,
    routing::{get, post},
};

use self::letters::LettersView;
use super::{
    super::{
        app::App,
        live::{Fragment, ParkedName, Reading, stream},
        markup::Markup,
        view::{Ago, Layout, RowLink, Tally, event_address, group_address},
    },
    Shared,
};
use crate::failure_group::FailureGroup;

/// The page.
#[derive(Template)]
#[template(path = "fix.html")]
struct FixPage {
    layout: Layout,
    parked: ParkedView,
    letters: LettersView,
}

/// The parked events.
#[derive(Template)]
#[template(path = "fix-parked.html")]
struct ParkedView {
    groups: Vec<GroupView>,
    rows: usize,
    held: usize,
    at_least: bool,
    /// Whether there are dead letters: else the page says that there is nothing to fix.
    has_letters: bool,
    takes_orders: bool,
    unreadable: Option<String>,
}

impl HtmlSafe for ParkedView {}

/// A group with one reason.
struct GroupView {
    code: String,
    message: String,
    count: usize,
    advice: &'static str,
    aggregates: Option<usize>,
    first: Option<Ago>,
    last: Option<Ago>,
    address: String,
    /// The only row, if there is one.
    only: Option<(RowLink, String)>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/fix", get(page))
        .route("/live/fix", get(live))
        .route("/fix/parked/{code}", get(group::page))
        .route(
            "/fix/parked/{code}/unpark",
            get(group_actions::preview_unpark),
        )
        .route(
            "/fix/parked/{code}/discard",
            get(group_actions::preview_discard),
        )
        .route(
            "/fix/parked/{code}/unpark/confirm",
            post(group_actions::unpark),
        )
        .route(
            "/fix/parked/{code}/discard/confirm",
            post(group_actions::discard),
        )
        .route("/fix/letters/{code}", get(letters::page))
        .route(
            "/fix/letters/{code}/dry-run",
            post(letters_actions::dry_run),
        )
        .route("/fix/letters/{code}/replay", post(letters_actions::replay))
}

async fn page(FromApp(app): Shared) -> Markup {
    let reading = app.live.reading().await;
    let letters = LettersView::read(&app, &reading).await;
    Markup::of(&FixPage {
        layout: Layout::of(&app, "To fix", "/fix").live("/live/fix"),
        parked: ParkedView::of(&app, &reading),
        letters,
    })
}

async fn live(FromApp(app): Shared) -> impl IntoResponse {
    // Letters are not live: to list them, they must be received, and a replay couldn't receive
    // them meanwhile.
    stream(app, |app, reading| async move {
        vec![
            Fragment {
                id: "tally",
                html: Markup::of(&Tally::of(Some(&reading))),
            },
            Fragment {
                id: "parked",
                html: Markup::of(&ParkedView::of(&app, &reading)),
            },
        ]
    })
}

impl ParkedView {
    fn of(app: &App, reading: &Reading) -> Self {
        let rows = reading.backlog.get();
        let parked = rows.map_or(&[][..], |rows| &rows.parked);
        let groups = FailureGroup::of(parked.iter().map(ParkedName::failure));
        let letters = reading.letters.get();
        Self {
            groups: groups.iter().map(GroupView::of_parked).collect(),
            rows: rows.map_or(0, |rows| rows.backlog.parked),
            held: rows.map_or(0, |rows| rows.backlog.held),
            at_least: rows.is_some_and(|rows| rows.backlog.at_least),
            has_letters: letters.is_some_and(|letters| letters.visible + letters.in_flight > 0),
            takes_orders: app.takes_orders(),
            unreadable: match &reading.backlog.failure {
                Some(failure) if rows.is_none() => Some(failure.message.clone()),
                _ => None,
            },
        }
    }
}

impl GroupView {
    fn of(group: &FailureGroup, address: String) -> Self {
        Self {
            code: group.code.clone(),
            message: group.message.clone(),
            count: group.count,
            advice: "",
            aggregates: group.aggregates,
            first: group.first_seen.map(Ago::of),
            last: group.last_seen.map(Ago::of),
            address,
            only: None,
        }
    }

    fn of_parked(group: &FailureGroup) -> Self {
        let only = (group.count == 1).then(|| {
            let edit = format!("{}/edit", event_address(&group.example));
            (RowLink::to(group.example.clone()), edit)
        });
        Self {
            advice: advice(&group.code),
            only,
            ..Self::of(group, group_address(&group.code))
        }
    }
}

/// Returns what helps against a reason to park.
fn advice(code: &str) -> &'static str {
    match code {
        "TooLarge" => {
            "The event is larger than the bus takes. Edit it, if some of it can be removed. Else \
             discard it, and inform consumers by other means."
        }
        "MalformedDetail" => "Edit it: the event isn't JSON, or isn't a JSON object.",
        "Undecodable" | "Malformed" => {
            "The row itself is damaged. If it can't be edited here, fix the item with another tool \
             and unpark it, or discard it."
        }
        _ => "Fix the cause and unpark it; if the event itself is wrong, edit it.",
    }
}
