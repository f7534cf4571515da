//! The files beside the pages, which are part of the program.

use axum::http::header::CONTENT_TYPE;
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};

const STYLE: &str = include_str!("../../assets/console.css");
const SCRIPT: &str = include_str!("../../assets/console.js");
const ICON: &str = include_str!("../../assets/icon.svg");

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = |kind: &'static str, content: &'static str| {
        get(async move || -> Response { ([(CONTENT_TYPE, kind)], content).into_response() })
    };
    Router::new()
        .route(
            "/assets/console.css",
            file("text/css; charset=utf-8", STYLE),
        )
        .route(
            "/assets/console.js",
            file("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/assets/icon.svg", file("image/svg+xml", ICON))
}
