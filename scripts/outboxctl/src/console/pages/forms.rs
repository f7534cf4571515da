//! What forms send.

use axum::http::StatusCode;
use serde::Deserialize;

use super::super::{app::App, problem::PageProblem};
use crate::row_name::RowName;

/// The confirmation of a change, and what belongs to some actions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionForm {
    /// The stack's name, typed to confirm.
    pub(super) stack: Option<String>,
    pub(super) reason: String,
    /// The end of what the operator has seen of a group.
    pub(super) until: String,
    pub(super) detail: String,
    /// The digest of the detail that the operator has seen.
    pub(super) seen: String,
}

impl ActionForm {
    /// Returns whether the change may be made: a stack that isn't known to be for development
    /// needs its name.
    ///
    /// # Errors
    ///
    /// If another name was typed.
    pub(super) fn is_confirmed(&self, app: &App) -> Result<bool, PageProblem> {
        if !app.must_confirm() {
            return Ok(true);
        }
        let stack = &app.context.deployment.stack;
        match self.stack.as_deref().map(str::trim) {
            None | Some("") => Ok(false),
            Some(typed) if typed == stack => Ok(true),
            Some(_) => {
                let what =
                    format!("that is not the name of this stack, {stack}; nothing was changed");
                Err(PageProblem::told(
                    app,
                    StatusCode::UNPROCESSABLE_ENTITY,
                    what,
                ))
            }
        }
    }
}

/// Returns the row that an address names.
///
/// # Errors
///
/// If it is no name of a row.
pub(super) fn row_name(app: &App, row: &str) -> Result<RowName, PageProblem> {
    row.parse()
        .map_err(|problem: String| PageProblem::told(app, StatusCode::NOT_FOUND, problem))
}

/// Returns a text of a form with the line breaks that it had: browsers send CR and LF.
pub(super) fn with_line_breaks(sent: &str, original: &str) -> String {
    if original.contains('\r') {
        sent.to_owned()
    } else {
        sent.replace("\r\n", "\n")
    }
}
