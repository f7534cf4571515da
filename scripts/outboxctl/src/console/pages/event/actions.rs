//! What is done about one event. Each is an action that runs on when the page is closed.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State as FromApp},
    response::{IntoResponse, Redirect, Response},
};

use super::super::{
    super::{
        app::App,
        problem::PageProblem,
        tasks::{TaskName, TaskResult, TaskRow},
        view::event_address,
    },
    Shared,
    confirm::{Question, ask},
    forms::{ActionForm, row_name},
    task::task_address,
};
use crate::{
    commands::{
        discard::{discard_row, held_rows},
        publish::publish_named,
        published::Published,
        unpark::unpark_rows,
    },
    context::Outcome,
    error::Error,
    output::{Report, count},
    row_name::RowName,
};

pub(super) async fn unpark(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let action = Action::new(&app, row, "unpark", "Unpark", &[])?;
    if !form.is_confirmed(&app)? {
        return Ok(action.ask(&app, Vec::new()));
    }
    let (context, name) = (Arc::clone(&app.context), action.name.clone());
    Ok(action.start(&app, async move || {
        let rows = [name];
        let published = unpark_rows(&context, &rows).await?;
        Ok(published_result(&rows[0], &published))
    }))
}

pub(super) async fn publish(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let action = Action::new(&app, row, "publish", "Publish", &[])?;
    if !form.is_confirmed(&app)? {
        return Ok(action.ask(&app, Vec::new()));
    }
    let (context, name) = (Arc::clone(&app.context), action.name.clone());
    Ok(action.start(&app, async move || {
        let rows = [name];
        let published = publish_named(&context, &rows).await?;
        Ok(published_result(&rows[0], &published))
    }))
}

pub(super) async fn discard(
    FromApp(app): Shared,
    Path(row): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let reason = form.reason.clone();
    let action = Action::new(&app, row, "discard", "Discard", &["--reason", &reason])?;
    if !form.is_confirmed(&app)? {
        return Ok(action.ask(&app, vec![("reason", reason)]));
    }
    let (context, name) = (Arc::clone(&app.context), action.name.clone());
    Ok(action.start(&app, async move || {
        let discarded = discard_row(&context, &name, &reason).await?;
        let result = TaskRow {
            name: discarded.discarded.clone(),
            is_row: true,
            is_done: true,
            result: "discarded; its content is kept for 30 days".to_owned(),
        };
        Ok(TaskResult {
            summary: format!("{} is discarded", discarded.discarded),
            details: held_rows(discarded.published, discarded.failed),
            is_done: discarded.outcome() == Outcome::Done,
            rows: vec![result],
        })
    }))
}

/// Returns the result of a command that publishes one row, and what belongs to it.
pub(super) fn published_result(name: &RowName, published: &Published) -> TaskResult {
    let left = published.left.iter().map(|left| TaskRow {
        name: left.row.clone(),
        is_row: true,
        is_done: false,
        result: format!("still there: {}", left.why),
    });
    let mut rows: Vec<TaskRow> = left.collect();
    if rows.is_empty() {
        rows.push(TaskRow {
            name: name.to_string(),
            is_row: true,
            is_done: true,
            result: "published".to_owned(),
        });
    }
    let mut details = Vec::new();
    if published.others_failed > 0 {
        let others = count(published.others_failed, "other row");
        details.push(format!(
            "{others} of the same aggregate could not be published, and the sweeper tries again"
        ));
    }
    TaskResult {
        summary: format!("{} published", count(published.published, "row")),
        details,
        is_done: published.outcome() == Outcome::Done,
        rows,
    }
}

/// An action on one row.
pub(super) struct Action {
    pub(super) name: RowName,
    row: String,
    verb: &'static str,
    title: &'static str,
    command: String,
}

impl Action {
    pub(super) fn new(
        app: &App,
        row: String,
        verb: &'static str,
        title: &'static str,
        options: &[&str],
    ) -> Result<Self, PageProblem> {
        Ok(Self {
            name: row_name(app, &row)?,
            verb,
            title,
            command: app.context.command_for(&[verb], &row, options),
            row,
        })
    }

    fn ask(&self, app: &App, fields: Vec<(&'static str, String)>) -> Response {
        let back = event_address(&self.row);
        let question = Question {
            what: format!("{} {}", self.title, self.row),
            action: format!("{back}/{}", self.verb),
            fields,
            button: self.title.to_owned(),
            back,
            command: self.command.clone(),
        };
        ask(app, question).into_response()
    }

    /// Starts it, and leads to its page. The work may hold what isn't `Send`.
    pub(super) fn start<W, F>(self, app: &Arc<App>, work: W) -> Response
    where
        W: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<TaskResult, Error>>,
    {
        let name = TaskName {
            title: format!("{} {}", self.title, self.row),
            command: self.command,
            back: event_address(&self.row),
        };
        let live = Arc::clone(&app.live);
        let number = app.tasks.start(name, async move |_| {
            let result = work().await;
            live.refresh().await;
            result
        });
        Redirect::to(&task_address(number)).into_response()
    }
}
