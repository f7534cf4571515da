use std::{
    collections::BTreeSet, fmt, net::SocketAddr, ops::RangeInclusive, sync::Arc, time::Duration,
};

use aws_sdk_dynamodb::types::Select;
use comfy_table::{Table, presets::UTF8_FULL};
use indicatif::ProgressBar;
use stream_mapping_driver::Event;
use tokio::time::Instant;

use crate::{
    error::Error,
    faults::{Fault, Kind},
    mappings::{Functions, Mappings},
    orders::post_orders,
    paths::Paths,
    progress::counter,
    stack::Stack,
    subscriber::Subscriber,
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

/// The stack, who is told of its events, and what was ordered so far.
struct Demo {
    stack: Stack,
    subscriber: Subscriber,
    orders: BTreeSet<String>,
    _mappings: Mappings,
}

/// Starts the local AWS, deploys to it, posts orders, and follows their events
/// to the other end of the bus; then half as many again while the bus is
/// broken.
///
/// # Errors
///
/// If a step fails. That events are missing is no error but part of the report.
pub async fn demo(paths: &Paths, listen: SocketAddr, orders: u64) -> Result<Report, Error> {
    let mut demo = Demo::start(paths, listen).await?;
    let report = demo.play(orders).await;
    demo.stack.stop().await?;
    report
}

impl Demo {
    async fn start(paths: &Paths, listen: SocketAddr) -> Result<Self, Error> {
        let stack = Stack::start(paths, listen).await?;
        let subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment).await?;
        let mappings = Mappings::take_over(
            &stack.clients,
            &stack.deployment,
            &Functions::Deployed,
            Arc::new(tell_trouble),
        )
        .await?;
        Ok(Self {
            stack,
            subscriber,
            orders: BTreeSet::new(),
            _mappings: mappings,
        })
    }

    async fn play(&mut self, orders: u64) -> Result<Report, Error> {
        println!("\nAct 1: all is well");
        self.post(1..=orders).await?;
        self.follow().await?;

        println!("\nAct 2: the bus is broken");
        let rules = self.stack.faults.rules();
        let broken = rules.add(Fault {
            action: "PutEvents".to_owned(),
            kind: Kind::Throttle,
            probability: 1.0,
            count: None,
        })?;
        self.post(orders + 1..=orders + orders.div_ceil(2)).await?;
        self.until_the_relay_was_refused().await?;
        println!("events that wait in the outbox: {}", self.pending().await?);
        self.stack.faults.rules().clear(Some(broken.id));
        println!("the bus is mended");
        self.follow().await?;
        println!();
        self.report().await
    }

    async fn post(&mut self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        let bar = counter("posting orders", numbers.clone().count() as u64);
        let endpoint = self.stack.emulator.endpoint();
        let deployment = &self.stack.deployment;
        let posted = post_orders(endpoint, deployment, numbers, || bar.inc(1)).await?;
        bar.finish();
        self.orders.extend(posted);
        Ok(())
    }

    async fn until_the_relay_was_refused(&self) -> Result<(), Error> {
        let give_up_at = Instant::now() + PATIENCE;
        let refused = || self.stack.faults.rules().list().iter().any(|f| f.hits > 0);
        while !refused() {
            if Instant::now() > give_up_at {
                return Err(Error::RelayNotRefused);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Receives until every order's event is there and the outbox is empty, or
    /// nothing has come for a while.
    async fn follow(&mut self) -> Result<(), Error> {
        let bar = counter("events arriving", self.orders.len() as u64);
        self.receive_all(&bar).await?;
        bar.finish();
        Ok(())
    }

    async fn receive_all(&mut self, bar: &ProgressBar) -> Result<(), Error> {
        let mut last_news = Instant::now();
        while last_news.elapsed() < PATIENCE {
            let known = self.subscriber.events.len();
            self.subscriber.receive().await?;
            bar.set_position(self.subscriber.events.len() as u64);
            if self.subscriber.events.len() > known {
                last_news = Instant::now();
            } else if self.delivered().is_superset(&self.orders) && self.pending().await? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn delivered(&self) -> BTreeSet<String> {
        let events = self.subscriber.events.values();
        events.map(|event| event.order_id.clone()).collect()
    }

    async fn report(&self) -> Result<Report, Error> {
        let pending = self.pending().await?;
        let missing = self.orders.difference(&self.delivered()).count();
        let events = self.subscriber.events.values();
        Ok(Report {
            committed: self.orders.len(),
            delivered: self.orders.len() - missing,
            delivered_twice: events.filter(|event| event.times > 1).count(),
            lost: missing.saturating_sub(pending),
            pending,
        })
    }

    /// Rows of the outbox: one order, one event, one row.
    async fn pending(&self) -> Result<usize, Error> {
        let mut pages = self
            .stack
            .clients
            .dynamodb
            .scan()
            .table_name(&self.stack.deployment.outbox_table)
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
}

/// What goes as it should is seen by what arrives.
fn tell_trouble(event: &Event) {
    match event {
        Event::Invoked {
            again, given_up, ..
        } if again.is_empty() && *given_up == 0 => {}
        Event::ShardBegun { .. } => {}
        event => eprintln!("{event}"),
    }
}
