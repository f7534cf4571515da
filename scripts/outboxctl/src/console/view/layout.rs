//! What is around every page.

use askama::{Template, filters::HtmlSafe};

use super::super::{app::App, live::Reading};

/// The head of a page.
pub(in super::super) struct Layout {
    pub(in super::super) title: String,
    /// The address of the page in the navigation that it belongs to.
    pub(in super::super) current: &'static str,
    pub(in super::super) stack: String,
    /// Where the stack is.
    pub(in super::super) place: String,
    pub(in super::super) tally: Tally,
    /// The address of the page's events, if parts of it are live.
    pub(in super::super) stream: Option<String>,
    pub(in super::super) is_stale: bool,
    has_local_pages: bool,
    takes_orders: bool,
}

/// How much is to be fixed.
#[derive(Template, Debug, Clone, Copy)]
#[template(
    source = r#"<span class="tally{% if count == 0 %} none{% endif %}" id="tally" data-live>{{ count }}{% if is_least %}+{% endif %}</span>"#,
    ext = "html"
)]
pub(in super::super) struct Tally {
    pub(in super::super) count: usize,
    pub(in super::super) is_least: bool,
}

impl HtmlSafe for Tally {}

/// An entry of the navigation.
pub(in super::super) struct PageEntry {
    pub(in super::super) address: &'static str,
    pub(in super::super) name: &'static str,
}

const PAGES: [(&str, &str); 3] = [("/", "Pipeline"), ("/events", "Events"), ("/fix", "To fix")];
const LOCAL_PAGES: [(&str, &str); 2] = [("/batches", "Batches"), ("/faults", "Faults")];
const ORDERS_PAGE: (&str, &str) = ("/try", "Try");

impl Layout {
    /// Returns the head of a page without live parts.
    pub(in super::super) fn of(app: &App, title: impl Into<String>, current: &'static str) -> Self {
        let deployment = &app.context.deployment;
        let account = &deployment.account;
        let latest = app.live.readings().borrow().clone();
        Self {
            title: title.into(),
            current,
            stack: deployment.stack.clone(),
            place: if deployment.is_local {
                "on this machine".to_owned()
            } else {
                format!(
                    "account {}, {}, as {}",
                    account.id, account.region, account.caller
                )
            },
            is_stale: latest.as_ref().is_some_and(|reading| reading.is_stale()),
            tally: Tally::of(latest.as_deref()),
            stream: None,
            has_local_pages: app.local.is_some(),
            takes_orders: app.takes_orders(),
        }
    }

    /// Makes the page live.
    #[must_use]
    pub(in super::super) fn live(mut self, stream: impl Into<String>) -> Self {
        self.stream = Some(stream.into());
        self
    }

    pub(in super::super) fn pages(&self) -> Vec<PageEntry> {
        let local = LOCAL_PAGES.iter().filter(|_| self.has_local_pages);
        let orders = [ORDERS_PAGE];
        let orders = orders.iter().filter(|_| self.takes_orders);
        let entry = |(address, name): &(&'static str, &'static str)| PageEntry { address, name };
        PAGES.iter().chain(local).chain(orders).map(entry).collect()
    }
}

impl Tally {
    pub(in super::super) fn of(reading: Option<&Reading>) -> Self {
        let backlog = reading.and_then(|reading| reading.backlog.get());
        Self {
            count: reading.map_or(0, Reading::to_fix),
            is_least: backlog.is_some_and(|rows| rows.backlog.at_least),
        }
    }
}
