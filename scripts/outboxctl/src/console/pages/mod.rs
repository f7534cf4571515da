//! The pages, each with its routes.

pub(super) mod error;
mod pipeline;

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode};

use super::{app::App, problem::PageProblem};

/// Every page is given the console's parts.
pub(super) type Shared = State<Arc<App>>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().merge(pipeline::routes()).fallback(no_page)
}

async fn no_page(State(app): Shared) -> PageProblem {
    PageProblem::told(&app, StatusCode::NOT_FOUND, "there is no such page")
}
