//! The faults of the local stack: those in force, and a form for more.

use std::sync::Arc;

use askama::{Template, filters::HtmlSafe};
use axum::{
    Form, Router,
    extract::{Path, State as FromApp},
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use devstack_api::{Fault, FaultKind, InjectedFault, Kind, fault_kinds};
use serde::Deserialize;

use super::{
    super::{
        app::App,
        live::{Fragment, Reading, stream},
        local::Local,
        markup::Markup,
        problem::PageProblem,
        view::{Layout, State, Tally},
    },
    Shared,
    batches::not_local,
};

/// The calls that the form offers.
const ACTIONS: [&str; 6] = [
    "PutEvents",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "Query",
    "SendMessage",
];

#[derive(Template)]
#[template(path = "faults.html")]
struct FaultsPage {
    layout: Layout,
    faults: FaultsView,
    actions: [&'static str; 6],
    kinds: Vec<FaultKind>,
}

/// The faults in force.
#[derive(Template)]
#[template(path = "faults-list.html")]
struct FaultsView {
    faults: Vec<FaultView>,
}

impl HtmlSafe for FaultsView {}

struct FaultView {
    id: u32,
    action: String,
    state: State,
    effect: String,
    probability: String,
    hits: u32,
    left: String,
}

/// A fault as the form sends it: fields that a kind doesn't need may be empty.
#[derive(Debug, Deserialize)]
struct FaultForm {
    action: String,
    kind: String,
    #[serde(default)]
    probability: String,
    #[serde(default)]
    count: String,
    #[serde(default)]
    milliseconds: String,
    #[serde(default)]
    containing: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/faults", get(page).post(add))
        .route("/faults/clear", post(clear_all))
        .route("/faults/{id}/clear", post(clear))
        .route("/live/faults", get(live))
}

fn local(app: &App) -> Result<&Local, PageProblem> {
    app.local.as_ref().ok_or_else(|| not_local(app))
}

async fn page(FromApp(app): Shared) -> Result<Markup, PageProblem> {
    local(&app)?;
    let reading = app.live.reading().await;
    Ok(Markup::of(&FaultsPage {
        layout: Layout::of(&app, "Faults", "/faults").live("/live/faults"),
        faults: FaultsView::of(&reading),
        actions: ACTIONS,
        kinds: fault_kinds().into_iter().collect(),
    }))
}

async fn live(FromApp(app): Shared) -> impl IntoResponse {
    stream(app, |_, reading| async move {
        vec![
            Fragment {
                id: "tally",
                html: Markup::of(&Tally::of(Some(&reading))),
            },
            Fragment {
                id: "faults",
                html: Markup::of(&FaultsView::of(&reading)),
            },
        ]
    })
}

async fn add(FromApp(app): Shared, Form(form): Form<FaultForm>) -> Result<Redirect, PageProblem> {
    let invalid = |what: String| PageProblem::told(&app, StatusCode::UNPROCESSABLE_ENTITY, what);
    let fault = form.fault().map_err(invalid)?;
    let added = local(&app)?.add_fault(&fault).await;
    done(&app, added).await
}

async fn clear(FromApp(app): Shared, Path(id): Path<u32>) -> Result<Redirect, PageProblem> {
    let cleared = local(&app)?.clear_faults(Some(id)).await;
    done(&app, cleared).await
}

async fn clear_all(FromApp(app): Shared) -> Result<Redirect, PageProblem> {
    let cleared = local(&app)?.clear_faults(None).await;
    done(&app, cleared).await
}

async fn done(app: &App, done: Result<(), String>) -> Result<Redirect, PageProblem> {
    done.map_err(|what| PageProblem::told(app, StatusCode::BAD_GATEWAY, what))?;
    app.live.refresh().await;
    Ok(Redirect::to("/faults"))
}

impl FaultForm {
    fn fault(&self) -> Result<Fault, String> {
        let number = |text: &str, what: &str| {
            let number = text.trim().parse::<u64>();
            number.map_err(|_| format!("{what} must be a whole number"))
        };
        let kind = match self.kind.as_str() {
            "throttle" => Kind::Throttle,
            "deny" => Kind::Deny,
            "partial" => Kind::Partial,
            "reject-entries" => Kind::RejectEntries {
                containing: self.containing.clone(),
            },
            "poison" => Kind::Poison,
            "latency" => Kind::Latency {
                milliseconds: number(&self.milliseconds, "the milliseconds")?,
            },
            "cut-before" => Kind::CutBefore,
            "cut-after" => Kind::CutAfter,
            other => return Err(format!("there is no fault {other}")),
        };
        let probability = match self.probability.trim() {
            "" => 1.0,
            text => text
                .parse()
                .map_err(|_| "the probability must be a number from 0 to 1".to_owned())?,
        };
        let count = match self.count.trim() {
            "" => None,
            text => Some(u32::try_from(number(text, "the calls to hit")?).unwrap_or(u32::MAX)),
        };
        Ok(Fault {
            action: self.action.clone(),
            kind,
            probability,
            count,
        })
    }
}

impl FaultsView {
    fn of(reading: &Reading) -> Self {
        let local = reading.local.as_ref();
        let faults = local.and_then(|local| local.faults.get());
        Self {
            faults: faults.map_or_else(Vec::new, |faults| {
                faults.iter().map(FaultView::of).collect()
            }),
        }
    }
}

impl FaultView {
    fn of(injected: &InjectedFault) -> Self {
        let fault = &injected.fault;
        let name = fault.kind.name();
        let kind = fault_kinds().into_iter().find(|kind| kind.name == name);
        Self {
            id: injected.id,
            action: fault.action.clone(),
            state: State::new("bad", "bolt", title(name)),
            effect: match &fault.kind {
                Kind::RejectEntries { .. } | Kind::Latency { .. } => {
                    format!("It {}.", fault.kind.clause())
                }
                _ => kind.map_or_else(String::new, |kind| kind.effect.to_owned()),
            },
            probability: if fault.probability < 1.0 {
                format!("{:.0} %", fault.probability * 100.0)
            } else {
                "every call".to_owned()
            },
            hits: injected.hits,
            left: fault
                .count
                .map_or("all".to_owned(), |count| count.to_string()),
        }
    }
}

/// Returns the name of a kind of fault for people.
fn title(kind: &str) -> &str {
    match kind {
        "throttle" => "Throttle",
        "deny" => "Deny",
        "partial" => "Fail in part",
        "reject-entries" => "Reject entries",
        "poison" => "Damage events",
        "latency" => "Slow down",
        "cut-before" => "Cut before",
        "cut-after" => "Cut after",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_added_by_the_form() {
        for kind in fault_kinds() {
            let form = FaultForm {
                action: "PutEvents".to_owned(),
                kind: kind.name.to_owned(),
                probability: String::new(),
                count: " 3".to_owned(),
                milliseconds: "5".to_owned(),
                containing: String::new(),
            };
            let fault = form.fault().unwrap();
            assert_eq!((fault.kind.name(), fault.count), (kind.name, Some(3)));
            assert_ne!(title(kind.name), kind.name);
        }
    }
}
