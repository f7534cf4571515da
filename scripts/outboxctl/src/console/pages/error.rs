//! The pages that say why there is no other.

use askama::Template;

use super::super::view::Layout;

/// Why a page can't be shown, or an action failed.
#[derive(Template)]
#[template(path = "error.html")]
pub(in super::super) struct ErrorPage {
    pub(in super::super) layout: Layout,
    pub(in super::super) what: String,
    /// What to do, in lines.
    pub(in super::super) help: Vec<String>,
}

/// Why a request isn't answered. It says nothing about the stack.
#[derive(Template)]
#[template(path = "forbidden.html")]
pub(in super::super) struct Forbidden {
    pub(in super::super) help: &'static str,
}
