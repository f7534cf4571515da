//! A running action, and its result.

use std::{convert::Infallible, sync::Arc};

use askama::{Template, filters::HtmlSafe};
use axum::{
    Router,
    extract::{Path, State as FromApp},
    http::StatusCode,
    response::{
        IntoResponse, Redirect, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};

use super::{
    super::{
        app::App,
        markup::Markup,
        problem::PageProblem,
        tasks::{Task, TaskProgress, TaskResult, TaskRow},
        view::{CommandView, Layout, Notice, RowLink, State},
    },
    Shared,
};

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    layout: Layout,
    back: String,
    view: TaskView,
}

/// The live part.
#[derive(Template)]
#[template(path = "task-view.html")]
struct TaskView {
    number: u64,
    progress: TaskProgress,
    result: Option<ResultView>,
    command: CommandView,
}

impl HtmlSafe for TaskView {}

struct ResultView {
    notice: Notice,
    rows: Vec<RowView>,
}

struct RowView {
    state: State,
    link: Option<RowLink>,
    name: String,
    result: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/tasks/{number}", get(page))
        .route("/tasks/{number}/cancel", post(cancel))
        .route("/live/tasks/{number}", get(live))
}

/// Returns the address of a task's page.
pub(super) fn task_address(number: u64) -> String {
    format!("/tasks/{number}")
}

fn find(app: &App, number: u64) -> Result<Arc<Task>, PageProblem> {
    app.tasks.get(number).ok_or_else(|| {
        let what = "there is no such action: the console was started again, or it is long over";
        PageProblem::told(app, StatusCode::NOT_FOUND, what)
    })
}

async fn page(FromApp(app): Shared, Path(number): Path<u64>) -> Result<Markup, PageProblem> {
    let task = find(&app, number)?;
    let layout = Layout::of(&app, task.title.clone(), "/fix");
    Ok(Markup::of(&TaskPage {
        layout: layout.live(format!("/live/tasks/{number}")),
        back: task.back.clone(),
        view: TaskView::of(&task),
    }))
}

async fn cancel(FromApp(app): Shared, Path(number): Path<u64>) -> Result<Redirect, PageProblem> {
    find(&app, number)?.stop();
    Ok(Redirect::to(&task_address(number)))
}

async fn live(
    FromApp(app): Shared,
    Path(number): Path<u64>,
) -> Result<impl IntoResponse, PageProblem> {
    let task = find(&app, number)?;
    let mut progress = task.watch();
    progress.mark_changed();
    let events = futures::stream::unfold((task, progress), |(task, mut progress)| async move {
        progress.changed().await.ok()?;
        progress.borrow_and_update();
        let html = Markup::of(&TaskView::of(&task));
        let event = Event::default().event("task").data(html.as_str());
        Some((Ok::<_, Infallible>(event), (task, progress)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl TaskView {
    fn of(task: &Task) -> Self {
        let progress = task.watch().borrow().clone();
        Self {
            number: task.number,
            result: progress.result.as_ref().map(ResultView::of),
            progress,
            command: CommandView::new("task", task.command.clone()),
        }
    }
}

impl ResultView {
    fn of(result: &TaskResult) -> Self {
        let mut notice = if result.is_done {
            Notice::ok(result.summary.clone())
        } else {
            Notice::warn(result.summary.clone()).link("/fix", "See what is left")
        };
        for detail in &result.details {
            notice = notice.text(detail.clone());
        }
        Self {
            notice,
            rows: result.rows.iter().map(RowView::of).collect(),
        }
    }
}

impl RowView {
    fn of(row: &TaskRow) -> Self {
        Self {
            state: if row.is_done {
                State::ok("done")
            } else {
                State::new("warn", "alert", "left")
            },
            link: row.is_row.then(|| RowLink::to(row.name.clone())),
            name: row.name.clone(),
            result: row.result.clone(),
        }
    }
}
