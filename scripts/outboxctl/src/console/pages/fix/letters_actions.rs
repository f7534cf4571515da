//! The replay of a group of dead letters: a dry run first.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State as FromApp},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;

use super::super::{
    super::{
        markup::Markup,
        problem::PageProblem,
        tasks::{TaskName, TaskResult, TaskRow, in_thread},
        view::{CommandView, Layout, letters_address},
    },
    Shared,
    confirm::{Question, StackName, ask},
    forms::ActionForm,
    task::task_address,
};
use crate::{
    arguments::{DlqReplay, WholeGroup},
    commands::dlq_replay::{Replayed, dlq_replay},
    context::Outcome,
    error::Error,
    operator::Unattended,
    output::{Report, count},
};

/// What a replay would do.
#[derive(Template)]
#[template(path = "letters-dry-run.html")]
struct DryRunPage {
    layout: Layout,
    code: String,
    address: String,
    what: String,
    details: Vec<String>,
    /// The result for each letter.
    letters: Vec<(String, String)>,
    until: String,
    name: StackName,
    command: Option<CommandView>,
}

fn group(code: &str, until: Option<Timestamp>) -> DlqReplay {
    DlqReplay {
        dry_run: false,
        limit: None,
        ids: Vec::new(),
        whole: WholeGroup {
            group: Some(code.to_owned()),
            until,
        },
    }
}

pub(super) async fn dry_run(
    FromApp(app): Shared,
    Path(code): Path<String>,
) -> Result<Markup, PageProblem> {
    let (context, options) = (Arc::clone(&app.context), group(&code, None));
    let replaying = in_thread(async move || dlq_replay(&context, &Unattended, &options).await);
    let replayed = replaying
        .await
        .unwrap_or_else(|error| Err(Error::Console(error.to_string())));
    let replayed = replayed.map_err(|error| PageProblem::of(&app, &error))?;
    let rows = count(replayed.published, "row");
    let letters = count(replayed.settled, "dead letter");
    let until = replayed.until.unwrap_or_else(Timestamp::now);
    Ok(Markup::of(&DryRunPage {
        layout: Layout::of(&app, format!("Replay {code}"), "/fix"),
        address: letters_address(&code),
        what: format!("This would publish {rows} and settle {letters}"),
        details: replayed.ended_early.into_iter().collect(),
        letters: replayed
            .letters
            .into_iter()
            .map(|letter| (letter.id, letter.result))
            .collect(),
        until: until.to_string(),
        name: StackName::of(&app),
        command: replayed
            .command
            .map(|command| CommandView::open("replay", command)),
        code,
    }))
}

pub(super) async fn replay(
    FromApp(app): Shared,
    Path(code): Path<String>,
    Form(form): Form<ActionForm>,
) -> Result<Response, PageProblem> {
    let until: Timestamp = form.until.parse().map_err(|_| {
        let what = "the end of what was shown is missing: begin with the dry run";
        PageProblem::told(&app, StatusCode::UNPROCESSABLE_ENTITY, what)
    })?;
    let command =
        app.context
            .command_for_group(&["dlq", "replay"], &code, &["--until", &form.until]);
    let back = letters_address(&code);
    if !form.is_confirmed(&app)? {
        let question = Question {
            what: format!("Replay {code}"),
            action: format!("{back}/replay"),
            fields: vec![("until", form.until)],
            button: "Replay".to_owned(),
            back,
            command,
        };
        return Ok(ask(&app, question).into_response());
    }
    let name = TaskName {
        title: format!("Replay {code}"),
        command,
        back: "/fix#letters".to_owned(),
    };
    let (context, live) = (Arc::clone(&app.context), Arc::clone(&app.live));
    let number = app.tasks.start(name, async move |task| {
        let options = group(&code, Some(until));
        let replayed = dlq_replay(&context, &*task, &options).await;
        live.refresh().await;
        replayed.map(result)
    });
    Ok(Redirect::to(&task_address(number)).into_response())
}

fn result(replayed: Replayed) -> TaskResult {
    let left: Vec<&str> = replayed.left.iter().map(|left| left.id.as_str()).collect();
    let rows = replayed.letters.iter().map(|letter| TaskRow {
        name: letter.id.clone(),
        is_row: false,
        is_done: !left.contains(&letter.id.as_str()),
        result: letter.result.clone(),
    });
    TaskResult {
        summary: format!(
            "{} settled, {} published",
            count(replayed.settled, "dead letter"),
            count(replayed.published, "row")
        ),
        rows: rows.collect(),
        is_done: replayed.outcome() == Outcome::Done,
        details: replayed
            .ended_early
            .map(|reason| format!("It ended early: {reason}."))
            .into_iter()
            .collect(),
    }
}
