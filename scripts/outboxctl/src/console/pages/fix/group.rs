//! The parked rows with one code.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query, State as FromApp};
use outbox::RowKey;
use serde::Deserialize;

use super::{
    super::{
        super::{
            app::App,
            live::ParkedName,
            markup::Markup,
            problem::PageProblem,
            search::{FoundRow, PAGE, Search, WantedState},
            view::{Ago, CommandView, Layout, RowLink, group_address},
        },
        Shared,
    },
    advice,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// How many pages of the search are read to fill one page of the group.
const MOST_PAGES: usize = 2;

#[derive(Template)]
#[template(path = "group.html")]
struct GroupPage {
    layout: Layout,
    code: String,
    advice: &'static str,
    address: String,
    rows: Vec<GroupRow>,
    more: Option<String>,
    unpark: CommandView,
    discard: CommandView,
}

/// A row of the table.
pub(super) struct GroupRow {
    pub(super) link: RowLink,
    pub(super) event_type: String,
    pub(super) parked: Ago,
    pub(super) edits: String,
    pub(super) message: String,
}

/// Where the page before has ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct After {
    after_aggregate: String,
    after_position: String,
}

pub(super) async fn page(
    FromApp(app): Shared,
    Path(code): Path<String>,
    Query(after): Query<After>,
) -> Result<Markup, PageProblem> {
    let (found, next) = rows(&app, &code, after)
        .await
        .map_err(|error| PageProblem::of(&app, &error))?;
    let command =
        |name: &str, options: &[&str]| app.context.command_for_group(&[name], &code, options);
    Ok(Markup::of(&GroupPage {
        layout: Layout::of(&app, code.clone(), "/fix").live("/live/tally"),
        advice: advice(&code),
        address: group_address(&code),
        rows: found,
        more: next.map(|next| address_after(&code, &next)),
        unpark: CommandView::new("unpark", command("unpark", &[])),
        discard: CommandView::new("discard", command("discard", &["--reason", "…"])),
        code,
    }))
}

/// Reads a page of the group.
async fn rows(
    app: &App,
    code: &str,
    after: After,
) -> Result<(Vec<GroupRow>, Option<RowKey>), crate::error::Error> {
    let after = RowKey {
        aggregate_id: after.after_aggregate,
        position: after.after_position,
    };
    let mut search = Search {
        state: Some(WantedState::Parked),
        after: Some(after)
            .filter(|after| !after.aggregate_id.is_empty() && !after.position.is_empty()),
        ..Search::default()
    };
    let mut rows: HashMap<RowKey, (jiff::Timestamp, GroupRow)> = HashMap::new();
    for _ in 0..MOST_PAGES {
        let found = search.page(&app.context).await?;
        let of_group = found.rows.iter().filter_map(|row| GroupRow::of(row, code));
        rows.extend(of_group);
        search.after = found.next;
        if search.after.is_none() || rows.len() >= PAGE {
            break;
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by_key(|(at, _)| *at);
    Ok((rows.into_iter().map(|(_, row)| row).collect(), search.after))
}

fn address_after(code: &str, next: &RowKey) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!(
        "{}?after_aggregate={}&after_position={}",
        group_address(code),
        encoded(&next.aggregate_id),
        encoded(&next.position)
    )
}

impl GroupRow {
    fn of(row: &FoundRow, code: &str) -> Option<(RowKey, (jiff::Timestamp, Self))> {
        let name = ParkedName::of(&row.stored).filter(|name| name.code == code)?;
        let content = row.stored.candidate.row.as_ref().ok();
        let view = Self {
            link: RowLink::to(name.key.to_string()),
            event_type: content.map_or("unknown".to_owned(), |row| row.detail_type.clone()),
            parked: Ago::of(name.at),
            edits: match content.map(|row| row.edits) {
                Some(0) => "no".to_owned(),
                Some(times) => format!("{times} times"),
                None => "unknown".to_owned(),
            },
            message: name.message,
        };
        Some((name.key, (name.at, view)))
    }
}
