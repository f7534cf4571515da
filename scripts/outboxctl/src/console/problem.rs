//! Why a page can't be shown, or an action failed.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{app::App, markup::Markup, pages::error::ErrorPage, view::Layout};
use crate::error::Error;

/// What the operator is told.
pub(super) struct PageProblem(Box<Told>);

struct Told {
    layout: Layout,
    status: StatusCode,
    what: String,
    help: Vec<String>,
}

impl PageProblem {
    /// Describes the failure of a command or a read.
    pub(super) fn of(app: &App, error: &Error) -> Self {
        let status = match error {
            Error::NoSuchRow(_) | Error::NoSuchGroup { .. } | Error::NoSuchLetter(_) => {
                StatusCode::NOT_FOUND
            }
            Error::NotParked(_) | Error::Changed(_) => StatusCode::CONFLICT,
            Error::Unedited(_) | Error::InvalidDetail { .. } | Error::NoReason => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::BAD_GATEWAY,
        };
        Self(Box::new(Told {
            layout: Layout::of(app, "That didn't work", ""),
            status,
            what: error.to_string(),
            help: error.help(&app.context.commands),
        }))
    }

    /// Describes a failure of the local stack, or of the request.
    pub(super) fn told(app: &App, status: StatusCode, what: impl Into<String>) -> Self {
        Self(Box::new(Told {
            layout: Layout::of(app, "That didn't work", ""),
            status,
            what: what.into(),
            help: Vec::new(),
        }))
    }
}

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        let told = *self.0;
        let page = ErrorPage {
            layout: told.layout,
            what: told.what,
            help: told.help,
        };
        (told.status, Markup::of(&page)).into_response()
    }
}
