//! The pipeline: where events are, from left to right, and what is wrong.

mod activity;
mod beside;
mod deployed_stages;
mod local_stages;
mod verdict;

use std::sync::Arc;

use askama::{Template, filters::HtmlSafe};
use axum::{Router, extract::State as FromApp, response::IntoResponse, routing::get};

use self::{
    activity::Activity,
    beside::{PublishedChart, Way},
    verdict::Verdict,
};
use super::{
    super::{
        app::App,
        live::{Fragment, Reading, stream},
        markup::Markup,
        view::{Ago, Layout, State, Tally},
    },
    Shared,
};

/// The page.
#[derive(Template)]
#[template(path = "pipeline.html")]
struct PipelinePage {
    layout: Layout,
    since: Option<Ago>,
    read_at: Ago,
    has_local: bool,
    takes_orders: bool,
    verdict: Verdict,
    stages: [Stage; 6],
    ways: [Way; 3],
    chart: PublishedChart,
    activity: Activity,
}

/// A part of the pipeline.
#[derive(Template, Debug, Default)]
#[template(path = "stage.html")]
struct Stage {
    id: &'static str,
    class: &'static str,
    name: &'static str,
    about: &'static str,
    /// How many; `None` if that isn't known.
    amount: Option<String>,
    unit: &'static str,
    facts: Vec<(&'static str, String)>,
    state: State,
}

impl HtmlSafe for Stage {}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(page))
        .route("/live/pipeline", get(live))
}

async fn page(FromApp(app): Shared) -> Markup {
    let reading = app.live.reading().await;
    let reading = &*reading;
    let local = reading.local.as_ref();
    let since = local.and_then(|local| local.activity.get().map(|activity| activity.since));
    Markup::of(&PipelinePage {
        layout: Layout::of(&app, "Pipeline", "/").live("/live/pipeline"),
        since: since.map(Ago::of),
        read_at: Ago::of(reading.backlog.read_at.unwrap_or(reading.at)),
        has_local: app.local.is_some(),
        takes_orders: app.takes_orders(),
        verdict: Verdict::of(&app, reading),
        stages: stages(&app, reading),
        ways: Way::all(reading),
        chart: PublishedChart::of(reading),
        activity: Activity::of(&app, reading),
    })
}

async fn live(FromApp(app): Shared) -> impl IntoResponse {
    stream(app, |app, reading| async move { fragments(&app, &reading) })
}

fn fragments(app: &App, reading: &Reading) -> Vec<Fragment> {
    let mut fragments = vec![
        Fragment {
            id: "tally",
            html: Markup::of(&Tally::of(Some(reading))),
        },
        Fragment {
            id: "verdict",
            html: Markup::of(&Verdict::of(app, reading)),
        },
        Fragment {
            id: "published-chart",
            html: Markup::of(&PublishedChart::of(reading)),
        },
        Fragment {
            id: "activity",
            html: Markup::of(&Activity::of(app, reading)),
        },
    ];
    fragments.extend(stages(app, reading).iter().map(|stage| Fragment {
        id: stage.id,
        html: Markup::of(stage),
    }));
    fragments.extend(Way::all(reading).iter().map(|way| Fragment {
        id: way.id,
        html: Markup::of(way),
    }));
    fragments
}

fn stages(app: &App, reading: &Reading) -> [Stage; 6] {
    let activity = reading
        .local
        .as_ref()
        .and_then(|local| Some((local, local.activity.get()?)));
    match activity {
        Some((local, activity)) => {
            let is_of_orders = app.context.deployment.is_of_orders;
            local_stages::stages(reading, local, &activity.pipeline, is_of_orders)
        }
        None => deployed_stages::stages(&app.context.deployment.event_bus, reading),
    }
}
