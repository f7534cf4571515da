//! The edit of a parked event: the text, the difference, and its publication.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use askama::Template;
use axum::{
    Form,
    extract::{Path, State as FromApp},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use outbox::OutboxRow;

use super::{
    super::{
        super::{
            app::App,
            markup::{Markup, editable},
            problem::PageProblem,
            view::{CommandView, Layout, event_address},
        },
        Shared,
        confirm::StackName,
        forms::{ActionForm, row_name, with_line_breaks},
    },
    actions::{Action, published_result},
};
use crate::{
    commands::{
        difference::{Difference, DifferenceLine},
        edit::{checked_detail, for_editing, parked_row, publish_edited},
    },
    error::Error,
    operator::Unattended,
};

/// The page with the text.
#[derive(Template)]
#[template(path = "event-edit.html")]
struct EditPage {
    layout: Layout,
    row: String,
    address: String,
    /// The text, ready for a `textarea`.
    detail: String,
    /// Why it can't be published.
    problem: Option<String>,
}

/// The page with the difference.
#[derive(Template)]
#[template(path = "event-difference.html")]
struct DifferencePage {
    layout: Layout,
    row: String,
    address: String,
    lines: Vec<DifferenceLine>,
    white_space: Option<String>,
    detail: String,
    seen: String,
    name: StackName,
    command: CommandView,
}

pub(super) async fn page(
    FromApp(app): Shared,
    Path(row): Path<String>,
) -> Result<Markup, PageProblem> {
    let stored = parked(&app, &row).await?;
    Ok(edit_page(&app, row, &for_editing(&stored.detail), None))
}

/// Returns to the text from the difference.
pub(super) async fn again(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Markup, PageProblem> {
    let stored = parked(&app, &row).await?;
    let edited = with_line_breaks(&form.detail, &stored.detail);
    Ok(edit_page(&app, row, &for_editing(&edited), None))
}

pub(super) async fn difference(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let stored = parked(&app, &row).await?;
    let edited = with_line_breaks(&form.detail, &stored.detail);
    match checked_detail(&stored, &edited) {
        Ok(detail) => Ok(difference_page(&app, row, &stored, &detail).into_response()),
        Err(error @ (Error::InvalidDetail { .. } | Error::Unedited(_))) => {
            let page = edit_page(&app, row, &edited, Some(error.to_string()));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(PageProblem::of(&app, &error)),
    }
}

pub(super) async fn publish(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let stored = parked(&app, &row).await?;
    if digest(&stored.detail) != form.seen {
        return Err(PageProblem::of(&app, &Error::Changed(row)));
    }
    let edited = with_line_breaks(&form.detail, &stored.detail);
    if !form.is_confirmed(&app)? {
        return Ok(difference_page(&app, row, &stored, &edited).into_response());
    }
    let action = Action::new(
        &app,
        row,
        "edit",
        "Publish the edited",
        &["--detail", "FILE"],
    )?;
    let (context, name) = (Arc::clone(&app.context), action.name.clone());
    Ok(action.start(&app, async move || {
        let published = publish_edited(&context, &Unattended, &stored, &edited).await?;
        Ok(published_result(&name, &published))
    }))
}

async fn parked(app: &App, row: &str) -> Result<Arc<OutboxRow>, PageProblem> {
    let name = row_name(app, row)?;
    let stored = parked_row(&app.context, &name).await;
    stored.map_err(|error| PageProblem::of(app, &error))
}

fn edit_page(app: &App, row: String, detail: &str, problem: Option<String>) -> Markup {
    Markup::of(&EditPage {
        layout: Layout::of(app, format!("Edit {row}"), "/fix"),
        address: event_address(&row),
        row,
        detail: editable(detail),
        problem,
    })
}

fn difference_page(app: &App, row: String, stored: &OutboxRow, detail: &str) -> Markup {
    let (lines, white_space) = match Difference::between(&stored.detail, detail) {
        Difference::Lines(lines) => (lines, None),
        Difference::WhiteSpace { before, after } => {
            let text =
                format!("Only white space between values changes: {before} bytes become {after}.");
            (Vec::new(), Some(text))
        }
    };
    let command = app
        .context
        .command_for(&["edit"], &row, &["--detail", "fixed.json"]);
    Markup::of(&DifferencePage {
        layout: Layout::of(app, format!("Edit {row}"), "/fix"),
        address: event_address(&row),
        row,
        lines,
        white_space,
        detail: editable(detail),
        seen: digest(&stored.detail),
        name: StackName::of(app),
        command: CommandView::new("edit", command),
    })
}

/// Returns what distinguishes a detail from another one, for as long as the console runs.
fn digest(detail: &str) -> String {
    let mut hasher = DefaultHasher::new();
    detail.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
