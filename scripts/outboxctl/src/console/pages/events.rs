//! The events in the outbox, page by page.

use std::{collections::HashSet, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Query, State as FromApp},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use outbox::RowKey;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{
    super::{
        app::App,
        markup::Markup,
        problem::PageProblem,
        search::{Found, FoundRow, Search, WantedState},
        view::{Ago, Layout, RowLink, State},
    },
    Shared,
};

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    layout: Layout,
    search: SearchForm,
    rows: Vec<EventRow>,
    read: usize,
    /// The address of the next page.
    more: Option<String>,
    is_first: bool,
}

/// A row of the table.
struct EventRow {
    state: State,
    link: RowLink,
    event_type: String,
    committed: Option<Ago>,
    why: String,
    behind: Option<RowLink>,
}

/// The search, as the form and the address have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SearchForm {
    aggregate: String,
    event: String,
    #[serde(rename = "type")]
    event_type: String,
    trace: String,
    state: String,
    after_aggregate: String,
    after_position: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/events", get(page))
}

async fn page(
    FromApp(app): Shared,
    Query(form): Query<SearchForm>,
) -> Result<Response, PageProblem> {
    if form.state == "dead" {
        return Ok(Redirect::to("/fix#letters").into_response());
    }
    let found = form.search().page(&app.context).await;
    let found = found.map_err(|error| PageProblem::of(&app, &error))?;
    let page = EventsPage {
        layout: Layout::of(&app, "Events", "/events").live("/live/tally"),
        more: found.next.as_ref().map(|next| form.address_after(next)),
        is_first: form.after_position.is_empty(),
        read: found.read,
        rows: rows(found),
        search: form,
    };
    Ok(Markup::of(&page).into_response())
}

fn rows(found: Found) -> Vec<EventRow> {
    let mut seen = HashSet::new();
    let mut rows = found.rows;
    rows.retain(|row| seen.insert(row.stored.candidate.key.clone()));
    rows.sort_by_key(FoundRow::committed_at);
    rows.iter().map(EventRow::of).collect()
}

impl EventRow {
    fn of(row: &FoundRow) -> Self {
        let behind = row.held_behind.as_ref();
        let (state, why) = match (&row.stored.parked, behind) {
            (Some(mark), _) => (State::parked(), mark.reason.clone()),
            (None, Some(_)) => (State::held(), "behind ".to_owned()),
            (None, None) => (State::pending(), String::new()),
        };
        let candidate = &row.stored.candidate;
        Self {
            state,
            link: RowLink::to(candidate.key.to_string()),
            event_type: match &candidate.row {
                Ok(row) => row.detail_type.clone(),
                Err(unreadable) => format!("cannot be read: {unreadable}"),
            },
            committed: row.committed_at().map(Ago::of),
            why,
            behind: behind.map(|key| RowLink::to(key.to_string())),
        }
    }
}

impl SearchForm {
    fn search(&self) -> Search {
        let after = RowKey {
            aggregate_id: self.after_aggregate.clone(),
            position: self.after_position.clone(),
        };
        Search {
            aggregate: self.aggregate.trim().to_owned(),
            event: self.event.trim().to_owned(),
            event_type: self.event_type.trim().to_owned(),
            trace: self.trace.trim().to_owned(),
            state: match self.state.as_str() {
                "pending" => Some(WantedState::Pending),
                "held" => Some(WantedState::Held),
                "parked" => Some(WantedState::Parked),
                _ => None,
            },
            after: Some(after)
                .filter(|after| !after.aggregate_id.is_empty() && !after.position.is_empty()),
        }
    }

    fn is_empty(&self) -> bool {
        let fields = [&self.aggregate, &self.event, &self.event_type, &self.trace];
        self.state.is_empty() && fields.iter().all(|field| field.is_empty())
    }

    /// Returns the address of the page after this row.
    fn address_after(&self, next: &RowKey) -> String {
        let pairs = [
            ("aggregate", &self.aggregate),
            ("event", &self.event),
            ("type", &self.event_type),
            ("trace", &self.trace),
            ("state", &self.state),
            ("after_aggregate", &next.aggregate_id),
            ("after_position", &next.position),
        ];
        let given = pairs.iter().filter(|(_, value)| !value.is_empty());
        let given = given.map(|(name, value)| {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            format!("{name}={value}")
        });
        format!("/events?{}", given.collect::<Vec<_>>().join("&"))
    }
}
