//! What can be tried out on the local stack: orders, a broken bus, a damaged event.

use std::{fmt::Write, sync::Arc};

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State as FromApp},
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use devstack_api::{Fault, Kind, PlaceOrders, PlacedOrders};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{
    super::{
        app::App,
        local::Local,
        markup::Markup,
        problem::PageProblem,
        view::{Layout, RowLink},
    },
    Shared,
    batches::not_local,
};
use crate::output::count;

#[derive(Template)]
#[template(path = "try.html")]
struct TryPage {
    layout: Layout,
    result: Option<String>,
    link: Option<RowLink>,
}

/// What was tried last, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tried {
    said: Option<String>,
    row: Option<String>,
    event: Option<String>,
}

/// The orders of the form. Fields may be empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OrdersForm {
    count: String,
    #[serde(rename = "cancelEvery")]
    cancel_every: String,
    /// A button that places so many, whatever the fields say.
    preset: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/try", get(page))
        .route("/try/orders", post(orders))
        .route("/try/damage", post(damage))
        .route("/try/acts/{act}/{step}", post(act))
}

fn local(app: &App) -> Result<&Local, PageProblem> {
    let local = app.local.as_ref().ok_or_else(|| not_local(app))?;
    if app.takes_orders() {
        Ok(local)
    } else {
        let what = "only the stack of the orders service has this page";
        Err(PageProblem::told(app, StatusCode::NOT_FOUND, what))
    }
}

fn failed(app: &App, what: String) -> PageProblem {
    PageProblem::told(app, StatusCode::BAD_GATEWAY, what)
}

async fn page(FromApp(app): Shared, Query(tried): Query<Tried>) -> Result<Markup, PageProblem> {
    local(&app)?;
    Ok(Markup::of(&TryPage {
        layout: Layout::of(&app, "Try", "/try").live("/live/tally"),
        result: tried.said,
        link: tried
            .row
            .map(|row| RowLink::of_event(row, tried.event.as_deref())),
    }))
}

async fn orders(
    FromApp(app): Shared,
    Form(form): Form<OrdersForm>,
) -> Result<Redirect, PageProblem> {
    let orders = form
        .orders()
        .map_err(|what| PageProblem::told(&app, StatusCode::UNPROCESSABLE_ENTITY, what))?;
    place(&app, &orders).await
}

async fn place(app: &App, orders: &PlaceOrders) -> Result<Redirect, PageProblem> {
    let placed = local(app)?.place_orders(orders).await;
    let placed = placed.map_err(|what| failed(app, what))?;
    let row = placed.placed.first().map(|id| row_of(id));
    Ok(said(&text(&placed), row.as_deref(), None))
}

/// Returns the row of the first event of an order.
fn row_of(order_id: &str) -> String {
    format!("order#{order_id}/1")
}

fn text(placed: &PlacedOrders) -> String {
    let mut text = format!("Placed {}", count(placed.placed.len(), "order"));
    if !placed.cancelled.is_empty() {
        text.push_str(", and cancelled ");
        text.push_str(&count(placed.cancelled.len(), "order"));
    }
    text.push('.');
    if placed.failed > 0 {
        let failures = placed.failures.join("; ");
        let _ = write!(text, " {} requests failed: {failures}.", placed.failed);
    }
    if !placed.placed.is_empty() {
        text.push_str(" Follow the event of the first:");
    }
    text
}

async fn damage(FromApp(app): Shared) -> Result<Redirect, PageProblem> {
    let damaged = local(&app)?.damage().await;
    let damaged = damaged.map_err(|what| failed(&app, what))?;
    let text = "Committed a damaged event. The relay parks it within seconds:";
    Ok(said(text, Some(&damaged.row), Some(&damaged.event_id)))
}

async fn act(FromApp(app): Shared, Path(step): Path<(u8, u8)>) -> Result<Redirect, PageProblem> {
    let ten = PlaceOrders {
        count: 10,
        cancel_every: None,
    };
    match step {
        (1, 1) | (2, 2) => place(&app, &ten).await,
        (2, 1) => {
            let fault = Fault {
                action: "PutEvents".to_owned(),
                kind: Kind::Throttle,
                probability: 1.0,
                count: None,
            };
            let added = local(&app)?.add_fault(&fault).await;
            added.map_err(|what| failed(&app, what))?;
            Ok(said(
                "The bus is broken: PutEvents is throttled.",
                None,
                None,
            ))
        }
        (2, 4) => {
            let cleared = local(&app)?.clear_faults(None).await;
            cleared.map_err(|what| failed(&app, what))?;
            Ok(said("The bus works again.", None, None))
        }
        _ => Err(PageProblem::told(
            &app,
            StatusCode::NOT_FOUND,
            "there is no such step",
        )),
    }
}

/// Leads back to the page, which says what was done.
fn said(text: &str, row: Option<&str>, event: Option<&str>) -> Redirect {
    let pairs = [("said", Some(text)), ("row", row), ("event", event)];
    let given = pairs.iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode((*value)?, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    Redirect::to(&format!("/try?{}", given.collect::<Vec<_>>().join("&")))
}

impl OrdersForm {
    fn orders(&self) -> Result<PlaceOrders, String> {
        let number = |text: &str| {
            let number = text.trim().parse::<u64>();
            number.map_err(|_| "write a whole number of orders".to_owned())
        };
        let count = if self.preset.is_empty() {
            number(&self.count)?
        } else {
            number(&self.preset)?
        };
        if !(1..=PlaceOrders::MOST).contains(&count) {
            return Err(format!("write a number from 1 to {}", PlaceOrders::MOST));
        }
        Ok(PlaceOrders {
            count,
            cancel_every: match self.cancel_every.trim() {
                "" => None,
                text => Some(number(text)?),
            },
        })
    }
}
