//! What is done about all parked rows with one code: a dry run first.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State as FromApp},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;

use super::super::{
    super::{
        app::App,
        markup::Markup,
        problem::PageProblem,
        tasks::{TaskName, TaskResult, TaskRow},
        view::{CommandView, Layout, RowLink, group_address},
    },
    Shared,
    confirm::{Question, StackName, ask},
    forms::ActionForm,
    task::task_address,
};
use crate::{
    commands::{discard, group_change::GroupChange, group_preview::Preview, unpark},
    context::Outcome,
    error::Error,
    output::{Report, count},
};

/// How many rows a dry run names.
const MOST_ROWS: usize = 50;

/// What would be done.
#[derive(Template)]
#[template(path = "group-dry-run.html")]
struct DryRunPage {
    layout: Layout,
    title: String,
    address: String,
    /// `unpark` or `discard`.
    verb: &'static str,
    what: String,
    rows: Vec<RowLink>,
    more: usize,
    until: String,
    reason: String,
    button: String,
    name: StackName,
    command: CommandView,
}

pub(super) async fn preview_unpark(
    FromApp(app): Shared,
    Path(code): Path<String>,
) -> Result<Markup, PageProblem> {
    let preview = unpark::preview_unpark(&app.context, &code).await;
    dry_run(&app, &code, "unpark", preview, String::new())
}

pub(super) async fn preview_discard(
    FromApp(app): Shared,
    Path(code): Path<String>,
    Query(form): Query<ActionForm>,
) -> Result<Markup, PageProblem> {
    let preview = discard::preview_discard(&app.context, &code, &form.reason).await;
    dry_run(&app, &code, "discard", preview, form.reason)
}

fn dry_run(
    app: &App,
    code: &str,
    verb: &'static str,
    preview: Result<Preview, Error>,
    reason: String,
) -> Result<Markup, PageProblem> {
    let preview = preview.map_err(|error| PageProblem::of(app, &error))?;
    let rows = count(preview.rows.len(), "row");
    let title = format!("{} {code}", title(verb));
    let until = preview.until.unwrap_or_else(Timestamp::now);
    Ok(Markup::of(&DryRunPage {
        layout: Layout::of(app, title.clone(), "/fix"),
        title,
        address: group_address(code),
        verb,
        what: format!("This would {} {rows}", preview.action),
        more: preview.rows.len().saturating_sub(MOST_ROWS),
        rows: preview
            .rows
            .into_iter()
            .take(MOST_ROWS)
            .map(RowLink::to)
            .collect(),
        until: until.to_string(),
        reason,
        button: match verb {
            "unpark" => format!("Publish {rows}"),
            _ => format!("Discard {rows}"),
        },
        name: StackName::of(app),
        command: CommandView::open("group", preview.command),
    }))
}

fn title(verb: &str) -> &'static str {
    match verb {
        "unpark" => "Unpark",
        _ => "Discard",
    }
}

pub(super) async fn unpark(
    FromApp(app): Shared,
    Path(code): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let change = Change::of(&app, code, "unpark", &form)?;
    if !form.is_confirmed(&app)? {
        return Ok(change.ask(&app, form));
    }
    let (context, live) = (Arc::clone(&app.context), Arc::clone(&app.live));
    let Change { code, until, .. } = change.clone();
    let number = app.tasks.start(change.task_name(), async move |task| {
        let changed = unpark::unpark_group(&context, &*task, &code, until).await;
        live.refresh().await;
        changed.map(|change| result(&change))
    });
    Ok(Redirect::to(&task_address(number)).into_response())
}

pub(super) async fn discard(
    FromApp(app): Shared,
    Path(code): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let change = Change::of(&app, code, "discard", &form)?;
    if !form.is_confirmed(&app)? {
        return Ok(change.ask(&app, form));
    }
    let (context, live) = (Arc::clone(&app.context), Arc::clone(&app.live));
    let Change { code, until, .. } = change.clone();
    let number = app.tasks.start(change.task_name(), async move |task| {
        let changed = discard::discard_group(&context, &*task, &code, until, &form.reason).await;
        live.refresh().await;
        changed.map(|change| result(&change))
    });
    Ok(Redirect::to(&task_address(number)).into_response())
}

/// A change of a group that the operator has seen.
#[derive(Clone)]
struct Change {
    code: String,
    verb: &'static str,
    until: Timestamp,
    command: String,
}

impl Change {
    fn of(
        app: &App,
        code: String,
        verb: &'static str,
        form: &ActionForm,
    ) -> Result<Self, PageProblem> {
        let until = form.until.parse().map_err(|_| {
            let what = "the end of what was shown is missing: begin with the dry run";
            PageProblem::told(app, StatusCode::UNPROCESSABLE_ENTITY, what)
        })?;
        let mut options = vec!["--until", &form.until];
        if verb == "discard" {
            options.extend(["--reason", &form.reason]);
        }
        let command = app.context.command_for_group(&[verb], &code, &options);
        Ok(Self {
            code,
            verb,
            until,
            command,
        })
    }

    fn ask(self, app: &App, form: ActionForm) -> Response {
        let back = group_address(&self.code);
        let mut fields = vec![("until", form.until)];
        if self.verb == "discard" {
            fields.push(("reason", form.reason));
        }
        let question = Question {
            what: format!("{} {}", title(self.verb), self.code),
            action: format!("{back}/{}/confirm", self.verb),
            fields,
            button: title(self.verb).to_owned(),
            back,
            command: self.command,
        };
        ask(app, question).into_response()
    }

    fn task_name(self) -> TaskName {
        TaskName {
            title: format!("{} {}", title(self.verb), self.code),
            back: "/fix".to_owned(),
            command: self.command,
        }
    }
}

fn result(change: &GroupChange) -> TaskResult {
    let all = count(change.rows.len(), "row");
    let rows = change.rows.iter().map(|row| TaskRow {
        name: row.row.clone(),
        is_row: true,
        is_done: row.is_done,
        result: row.result.clone(),
    });
    let mut details = Vec::new();
    if change.newer > 0 {
        let newer = count(change.newer, "row");
        details.push(format!(
            "{newer} joined the group after it was shown, and left as they are."
        ));
    }
    TaskResult {
        summary: format!("{} of {all} {}", change.done, change.action),
        details,
        is_done: change.outcome() == Outcome::Done,
        rows: rows.collect(),
    }
}
