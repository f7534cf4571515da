//! Where an event is now.

use askama::Template;
use devstack_api::{Journey, PutResult, What};

use super::{
    super::super::{
        app::App,
        search::{FoundRow, WantedState},
        view::{Ago, RowLink, State},
    },
    found::FoundEvent,
};
use crate::output::count;

#[derive(Template)]
#[template(path = "event-state.html")]
pub(super) struct EventState {
    state: State,
    what: &'static str,
    /// Since when.
    since: Option<Ago>,
    about: String,
    /// The row that holds it.
    behind: Option<RowLink>,
    /// Why it is parked.
    reason: Option<String>,
}

/// Returns the state of a row in the table.
pub(super) fn of_row(row: &FoundRow) -> State {
    match row.state() {
        WantedState::Parked => State::parked(),
        WantedState::Held => State::held(),
        WantedState::Pending => State::pending(),
    }
}

impl EventState {
    pub(super) fn of(app: &App, found: &FoundEvent) -> Self {
        let Some(stored) = &found.stored else {
            return Self::gone(found);
        };
        if let Some(mark) = &stored.parked {
            let holds = match found.holds {
                0 => String::new(),
                held => format!(" {} of its aggregate held behind it.", later(held)),
            };
            return Self {
                state: State::parked(),
                what: "It can't be published as it is",
                since: Some(Ago::since(mark.at)),
                about: format!(", and it waits for you.{holds}"),
                behind: None,
                reason: Some(mark.reason.clone()),
            };
        }
        let since = found.committed_at().map(Ago::since);
        if let Some(behind) = &found.held_behind {
            return Self {
                state: State::held(),
                what: "It waits behind a parked event of its aggregate",
                since,
                about: ". It goes when that one is fixed:".to_owned(),
                behind: Some(RowLink::to(behind.to_string())),
                reason: None,
            };
        }
        let trouble = app.live.readings().borrow().as_ref().and_then(|reading| {
            let local = reading.local.as_ref()?;
            let pipeline = &local.activity.get()?.pipeline;
            let relay = pipeline.relay.trouble.as_ref();
            relay.or(pipeline.mapping.trouble.as_ref()).cloned()
        });
        Self {
            state: State::pending(),
            what: "It waits in the outbox",
            since,
            about: trouble.map_or_else(String::new, |trouble| {
                format!(". {trouble}. It goes when that works again.")
            }),
            behind: None,
            reason: None,
        }
    }

    /// Returns the state of an event whose row is deleted.
    fn gone(found: &FoundEvent) -> Self {
        let discarded = found
            .decisions
            .iter()
            .rev()
            .find(|it| it.what == "discarded");
        if let Some(decision) = discarded {
            let by = &decision.by;
            return Self {
                state: State::idle("discarded"),
                what: "It was discarded, and is never published",
                since: decision.at.map(Ago::since),
                about: format!(", by {by}"),
                behind: None,
                reason: decision.reason.clone(),
            };
        }
        let steps = found.journey.iter().flat_map(|journey| &journey.steps);
        let is_accepted = steps.clone().any(|step| {
            let accepted = PutResult::Accepted;
            matches!(&step.what, What::Put { result, .. } if *result == accepted)
                || matches!(step.what, What::Delivered { .. })
        });
        if !is_accepted {
            return Self {
                state: State::not_known(),
                what: "It is not in the outbox",
                since: None,
                about: ": it was published, or there never was such an event. What is published \
                        leaves the outbox, which keeps no history of it."
                    .to_owned(),
                behind: None,
                reason: None,
            };
        }
        let deliveries = steps
            .clone()
            .filter(|step| matches!(step.what, What::Delivered { .. }))
            .count();
        let handled = steps
            .clone()
            .any(|step| matches!(step.what, What::Handled { .. }));
        let duplicates = deliveries.saturating_sub(1);
        let journey = found.journey.as_ref();
        let at_once = journey.and_then(Journey::published_at_once_by);
        let mut about = at_once.map_or_else(String::new, |function| {
            format!(", published at once by {function}")
        });
        about.push_str(if handled {
            ", and shipping has handled it."
        } else {
            "."
        });
        if duplicates > 0 {
            about.push_str(" It was delivered ");
            about.push_str(&count(deliveries, "time"));
            about.push_str("; shipping ignores duplicates.");
        }
        Self {
            state: State::ok("published"),
            what: "The bus has accepted it",
            since: None,
            about,
            behind: None,
            reason: None,
        }
    }
}

fn later(held: usize) -> String {
    let are = if held == 1 { "is" } else { "are" };
    format!("{} {are}", count(held, "later event"))
}
