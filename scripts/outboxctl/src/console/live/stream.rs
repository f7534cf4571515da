//! The events of a page: parts of it that have changed.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::Arc,
};

use axum::response::{
    Sse,
    sse::{Event, KeepAlive},
};
use futures::Stream;
use tokio::sync::watch;

use super::super::{app::App, markup::Markup};
use super::{OpenPage, Reading};

/// A part of a page, by the id of its element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Fragment {
    pub(in super::super) id: &'static str,
    pub(in super::super) html: Markup,
}

/// The state of one page's stream.
struct PageStream<R> {
    app: Arc<App>,
    readings: watch::Receiver<Option<Arc<Reading>>>,
    render: R,
    sent: HashMap<&'static str, String>,
    to_send: VecDeque<Event>,
    /// While it exists, AWS is read.
    _open: OpenPage,
}

/// Returns the events of a page. `render` returns its parts after each reading.
pub(in super::super) fn stream<R, F>(
    app: Arc<App>,
    render: R,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send>
where
    R: Fn(Arc<App>, Arc<Reading>) -> F + Send + 'static,
    F: Future<Output = Vec<Fragment>> + Send,
{
    let mut readings = app.live.readings();
    readings.mark_changed();
    let page = PageStream {
        _open: app.live.open_page(),
        readings,
        app,
        render,
        sent: HashMap::new(),
        to_send: VecDeque::new(),
    };
    let events = futures::stream::unfold(page, |mut page| async move {
        let event = page.next().await?;
        Some((Ok(event), page))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl<R, F> PageStream<R>
where
    R: Fn(Arc<App>, Arc<Reading>) -> F,
    F: Future<Output = Vec<Fragment>>,
{
    /// Returns the next event; `None` when the console ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.to_send.pop_front() {
                return Some(event);
            }
            self.readings.changed().await.ok()?;
            let Some(reading) = self.readings.borrow_and_update().clone() else {
                continue;
            };
            let class = if reading.is_stale() { "stale" } else { "" };
            self.send("page", class);
            for fragment in (self.render)(Arc::clone(&self.app), reading).await {
                self.send(fragment.id, fragment.html.as_str());
            }
        }
    }

    fn send(&mut self, id: &'static str, data: &str) {
        let sent = self.sent.entry(id).or_default();
        if *sent != data {
            data.clone_into(sent);
            self.to_send
                .push_back(Event::default().event(id).data(data));
        }
    }
}
