//! Dead letters, in groups by reason.

use askama::{Template, filters::HtmlSafe};
use axum::extract::{Path, State as FromApp};

use super::{
    super::{
        super::{
            app::App,
            live::Reading,
            markup::Markup,
            problem::PageProblem,
            view::{Ago, CommandView, Layout, RowLink, letters_address},
        },
        Shared,
    },
    GroupView,
};
use crate::{
    arguments,
    commands::{
        dlq_list::{Listing, dlq_list},
        letters::ListedLetter,
    },
    error::Error,
};

/// How many letters are received for a page.
const MOST: usize = 100;

/// The groups of dead letters.
#[derive(Template)]
#[template(path = "fix-letters.html")]
pub(super) struct LettersView {
    groups: Vec<LetterGroupView>,
    letters: usize,
    /// About how many are not listed: beyond the limit, or in flight.
    others: usize,
    unreadable: Option<String>,
}

impl HtmlSafe for LettersView {}

struct LetterGroupView {
    group: GroupView,
    from: &'static str,
    received: String,
}

/// The letters of one group.
#[derive(Template)]
#[template(path = "letters.html")]
struct LettersPage {
    layout: Layout,
    code: String,
    address: String,
    letters: Vec<LetterView>,
    replay: CommandView,
}

struct LetterView {
    id: String,
    from: &'static str,
    about: String,
    link: Option<RowLink>,
    why: String,
    sent: Option<Ago>,
    received: Option<u64>,
}

impl LettersView {
    /// Receives the letters, if there are any, and makes them visible again.
    pub(super) async fn read(app: &App, reading: &Reading) -> Self {
        let is_empty = reading
            .letters
            .get()
            .is_some_and(|letters| letters.visible + letters.in_flight == 0);
        let nothing = Self {
            groups: Vec::new(),
            letters: 0,
            others: 0,
            unreadable: None,
        };
        if is_empty && reading.letters.failure.is_none() {
            return nothing;
        }
        match list(app, None).await {
            Ok(listing) => Self {
                groups: listing.groups.iter().map(LetterGroupView::of).collect(),
                letters: listing.letters.len(),
                others: listing.others,
                unreadable: None,
            },
            Err(error) => Self {
                unreadable: Some(error.to_string()),
                ..nothing
            },
        }
    }
}

async fn list(app: &App, code: Option<String>) -> Result<Listing, Error> {
    let options = arguments::Listing {
        group: code,
        flat: false,
    };
    dlq_list(&app.context, MOST, &options).await
}

impl LetterGroupView {
    fn of(shown: &crate::commands::group_table::ShownGroup) -> Self {
        Self {
            group: GroupView::of(&shown.group, letters_address(shown.code())),
            from: shown.group.from.unwrap_or("unknown"),
            received: shown.received(),
        }
    }
}

/// Shows the letters with a code.
pub(super) async fn page(
    FromApp(app): Shared,
    Path(code): Path<String>,
) -> Result<Markup, PageProblem> {
    let listing = list(&app, Some(code.clone())).await;
    let listing = listing.map_err(|error| PageProblem::of(&app, &error))?;
    let command = app
        .context
        .command_for_group(&["dlq", "replay"], &code, &[]);
    Ok(Markup::of(&LettersPage {
        layout: Layout::of(&app, code.clone(), "/fix").live("/live/tally"),
        address: letters_address(&code),
        letters: listing.letters.iter().map(LetterView::of).collect(),
        replay: CommandView::new("replay", command),
        code,
    }))
}

impl LetterView {
    fn of(letter: &ListedLetter) -> Self {
        Self {
            id: letter.id.clone(),
            from: letter.from,
            about: letter.about.clone(),
            link: letter.row.as_ref().map(|key| RowLink::to(key.to_string())),
            why: letter.why.clone(),
            sent: letter.since.map(Ago::of),
            received: letter.received_before,
        }
    }
}
