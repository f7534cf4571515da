//! The pages, each with its routes.

mod batches;
mod confirm;
pub(super) mod error;
mod event;
mod events;
mod faults;
mod fix;
mod forms;
mod pipeline;
mod task;
mod try_out;

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};

use super::{
    app::App,
    live::{Fragment, stream},
    markup::Markup,
    problem::PageProblem,
    view::Tally,
};

/// Every page is given the console's parts.
pub(super) type Shared = State<Arc<App>>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(pipeline::routes())
        .merge(events::routes())
        .merge(event::routes())
        .merge(fix::routes())
        .merge(task::routes())
        .merge(batches::routes())
        .merge(faults::routes())
        .merge(try_out::routes())
        .route("/live/tally", get(live_tally))
        .fallback(no_page)
}

async fn no_page(State(app): Shared) -> PageProblem {
    PageProblem::told(&app, StatusCode::NOT_FOUND, "there is no such page")
}

/// Sends how much is to be fixed, for pages with no other live part.
async fn live_tally(State(app): Shared) -> impl IntoResponse {
    stream(app, |_, reading| async move {
        vec![Fragment {
            id: "tally",
            html: Markup::of(&Tally::of(Some(&reading))),
        }]
    })
}
