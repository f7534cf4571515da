use std::{collections::BTreeSet, fmt, net::SocketAddr, time::Duration};

use aws_sdk_dynamodb::types::Select;
use comfy_table::{Table, presets::UTF8_FULL};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::{
    clients::Clients, deployment::Deployment, emulator::Emulator, error::Error,
    orders::post_orders, paths::Paths, stream_driver::StreamDriver, subscriber::Subscriber,
};

/// How long nothing may arrive before the rest is taken for missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of the orders of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Orders the API accepted.
    pub committed: usize,
    /// Their events that arrived at the subscriber.
    pub delivered: usize,
    /// Those that arrived more than once.
    pub delivered_twice: usize,
    /// Orders whose event neither arrived nor waits.
    pub lost: usize,
    /// Rows still in the outbox.
    pub pending: usize,
}

impl Report {
    /// Whether every event arrived and the outbox is empty.
    pub fn is_success(&self) -> bool {
        self.lost == 0 && self.pending == 0 && self.delivered == self.committed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL);
        for (name, count) in [
            ("orders committed", self.committed),
            ("events delivered", self.delivered),
            ("delivered twice", self.delivered_twice),
            ("lost", self.lost),
            ("still pending", self.pending),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        table.fmt(f)
    }
}

/// Starts the local AWS, deploys to it, posts orders, and follows their events
/// to the other end of the bus.
///
/// # Errors
///
/// If a step fails. That events are missing is no error but part of the report.
pub async fn demo(paths: &Paths, listen: SocketAddr, orders: u64) -> Result<Report, Error> {
    let emulator = step("starting the local AWS", Emulator::start(paths, listen)).await?;
    let result = run(paths, &emulator, orders).await;
    emulator.stop().await?;
    result
}

async fn run(paths: &Paths, emulator: &Emulator, orders: u64) -> Result<Report, Error> {
    let deploy = Deployment::deploy(paths, emulator);
    let deployment = step("deploying the orders stack", deploy).await?;
    let clients = Clients::new(emulator.endpoint());
    let mut subscriber = Subscriber::subscribe(&clients, &deployment).await?;
    let driver = StreamDriver::start(&clients, &deployment).await?;

    let bar = counter("posting orders", orders);
    let posted = post_orders(emulator.endpoint(), &deployment, orders, || bar.inc(1)).await?;
    bar.finish();

    let bar = counter("events arriving", orders);
    follow(&clients, &deployment, &mut subscriber, &posted, &bar).await?;
    bar.finish();
    drop(driver);
    report(&clients, &deployment, &subscriber, &posted).await
}

/// Receives until every order's event is there and the outbox is empty, or
/// nothing has come for a while.
async fn follow(
    clients: &Clients,
    deployment: &Deployment,
    subscriber: &mut Subscriber,
    orders: &BTreeSet<String>,
    bar: &ProgressBar,
) -> Result<(), Error> {
    let mut last_news = Instant::now();
    while last_news.elapsed() < PATIENCE {
        let known = subscriber.events.len();
        subscriber.receive().await?;
        bar.set_position(subscriber.events.len() as u64);
        if subscriber.events.len() > known {
            last_news = Instant::now();
        } else if delivered(subscriber).is_superset(orders)
            && pending(clients, deployment).await? == 0
        {
            return Ok(());
        }
    }
    Ok(())
}

fn delivered(subscriber: &Subscriber) -> BTreeSet<String> {
    let orders = subscriber
        .events
        .values()
        .map(|event| event.order_id.clone());
    orders.collect()
}

async fn report(
    clients: &Clients,
    deployment: &Deployment,
    subscriber: &Subscriber,
    orders: &BTreeSet<String>,
) -> Result<Report, Error> {
    let pending = pending(clients, deployment).await?;
    let missing = orders.difference(&delivered(subscriber)).count();
    Ok(Report {
        committed: orders.len(),
        delivered: orders.len() - missing,
        delivered_twice: subscriber
            .events
            .values()
            .filter(|event| event.times > 1)
            .count(),
        lost: missing.saturating_sub(pending),
        pending,
    })
}

/// Rows of the outbox: one order, one event, one row.
async fn pending(clients: &Clients, deployment: &Deployment) -> Result<usize, Error> {
    let mut pages = clients
        .dynamodb
        .scan()
        .table_name(&deployment.outbox_table)
        .consistent_read(true)
        .select(Select::Count)
        .into_paginator()
        .send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::call("Scan")(error.into()))?;
        count += usize::try_from(page.count()).unwrap_or_default();
    }
    Ok(count)
}

/// Shows that something is being done, and how long it took.
async fn step<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let spinner = ProgressBar::new_spinner().with_style(style("{spinner} {msg} {elapsed}"));
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    let begun = Instant::now();
    let result = work.await;
    spinner.finish_and_clear();
    if result.is_ok() {
        println!("{what}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    result
}

fn counter(what: &'static str, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length).with_style(style("{msg} {bar:30} {pos}/{len} {elapsed}"));
    bar.with_message(what)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
