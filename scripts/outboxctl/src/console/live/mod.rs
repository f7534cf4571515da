//! What a page shows live: AWS is read while at least one page is open, and only what has changed
//! is sent.

mod backlog;
mod hour;
mod part;
mod rate;
mod reader;
mod reading;
mod stream;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, watch},
    time::timeout,
};

use self::reader::Reader;
pub(super) use self::{
    backlog::ParkedName,
    part::FailureKind,
    reading::{LocalReading, Reading},
    stream::{Fragment, stream},
};
use super::local::Local;
use crate::context::Context;

/// How often a deployed stack is read.
const EVERY: Duration = Duration::from_secs(5);

/// How often the local stack is read.
const EVERY_LOCALLY: Duration = Duration::from_secs(1);

/// How long a page waits for a reading.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Reads AWS for the open pages.
pub(super) struct Live {
    /// How many pages are open.
    pages: AtomicUsize,
    /// Wakes the poller when a page opens.
    opened: Notify,
    readings: watch::Sender<Option<Arc<Reading>>>,
    reader: Mutex<Reader>,
    every: Duration,
    /// Whether there is a local stack that can be asked.
    has_local: bool,
}

/// An open page. While it exists, AWS is read.
pub(super) struct OpenPage(Arc<Live>);

impl Live {
    /// Starts the poller, which waits for the first page.
    pub(super) fn start(context: Arc<Context>, local: Option<Local>) -> Arc<Self> {
        let is_local = context.deployment.is_local;
        let live = Arc::new(Self {
            pages: AtomicUsize::new(0),
            opened: Notify::new(),
            readings: watch::Sender::new(None),
            has_local: local.is_some(),
            reader: Mutex::new(Reader::new(context, local)),
            every: if is_local { EVERY_LOCALLY } else { EVERY },
        });
        tokio::spawn(poll(Arc::clone(&live)));
        live
    }

    /// Returns the latest reading, or a new one if that is too old. If AWS takes long, the page
    /// is shown with what is known, and gets the rest by its stream.
    pub(super) async fn reading(&self) -> Arc<Reading> {
        if let Ok(reading) = timeout(PATIENCE, self.read_if_old()).await {
            return reading;
        }
        let latest = self.readings.borrow().clone();
        latest.unwrap_or_else(|| Arc::new(Reading::blank(self.has_local)))
    }

    async fn read_if_old(&self) -> Arc<Reading> {
        let mut reader = self.reader.lock().await;
        let latest = self.readings.borrow().clone();
        match latest.filter(|latest| latest.is_younger_than(self.every)) {
            Some(latest) => latest,
            None => self.read(&mut reader).await,
        }
    }

    /// Forgets the latest reading: an action has changed what it shows.
    pub(super) async fn refresh(&self) {
        let mut reader = self.reader.lock().await;
        self.read(&mut reader).await;
    }

    /// Reads for a page from now on, until it is dropped.
    pub(super) fn open_page(self: &Arc<Self>) -> OpenPage {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.opened.notify_one();
        OpenPage(Arc::clone(self))
    }

    pub(super) fn readings(&self) -> watch::Receiver<Option<Arc<Reading>>> {
        self.readings.subscribe()
    }

    async fn read(&self, reader: &mut Reader) -> Arc<Reading> {
        let reading = Arc::new(Box::pin(reader.read()).await);
        self.readings.send_replace(Some(Arc::clone(&reading)));
        reading
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn poll(live: Arc<Live>) {
    loop {
        if live.pages.load(Ordering::Relaxed) == 0 {
            live.opened.notified().await;
            continue;
        }
        live.read_if_old().await;
        tokio::time::sleep(live.every).await;
    }
}
