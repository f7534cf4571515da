//! `make demo`: orders, faults and an operator in three acts.

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use comfy_table::{Table, presets::UTF8_FULL};
use indicatif::ProgressBar;
use stream_mapping_cli::Event;
use tokio::time::Instant;

use crate::{
    backlog::{Backlog, pending},
    broken_bus,
    console::Console,
    damaged_event::DamagedEvent,
    error::Error,
    faults::Kind,
    mappings::{Functions, Mappings},
    operator::Operator,
    orders::OrdersApi,
    paths::Paths,
    progress::counter,
    shipments::Shipments,
    stack::Stack,
    stay::{receive, stay},
    subscriber::Subscriber,
};

/// After this time without a new event, the others count as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The same for shipments. An event that was not handled is redelivered only when its
/// message is visible again, after 180 s.
const SHIPPING_PATIENCE: Duration = Duration::from_secs(200);

/// Older than the records that the relay publishes without reading the table first.
const YOUNG: Duration = Duration::from_secs(3);

/// The result of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Orders the API accepted.
    pub placed: usize,
    /// Orders it cancelled.
    pub cancelled: usize,
    /// Events that arrived at the subscriber.
    pub delivered: usize,
    /// Events that arrived more than once.
    pub delivered_twice: usize,
    /// Events that have neither arrived nor are pending.
    pub lost: usize,
    /// Rows still in the outbox.
    pub pending: usize,
    /// Dead letters still in the queue.
    pub dead_letters: usize,
    /// Orders that are being shipped.
    pub shipments_started: usize,
    /// Orders that are not, because they were cancelled.
    pub shipments_stopped: usize,
}

impl Report {
    /// Returns whether every event arrived and was handled, and the outbox and the
    /// dead-letter queue are empty.
    pub fn is_success(&self) -> bool {
        self.lost + self.pending + self.dead_letters == 0
            && self.delivered == self.placed + self.cancelled
            && self.shipments_started == self.placed - self.cancelled
            && self.shipments_stopped == self.cancelled
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL);
        for (name, count) in [
            ("orders placed", self.placed),
            ("orders cancelled", self.cancelled),
            ("events delivered", self.delivered),
            ("delivered twice", self.delivered_twice),
            ("lost", self.lost),
            ("still pending", self.pending),
            ("dead letters left", self.dead_letters),
            ("shipments started", self.shipments_started),
            ("shipments stopped", self.shipments_stopped),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        table.fmt(f)
    }
}

/// The stack, a subscriber of its bus, and the orders so far.
struct Demo<'p> {
    paths: &'p Paths,
    stack: Stack,
    api: OrdersApi,
    subscriber: Subscriber,
    /// The ids of the orders that were placed.
    placed: BTreeSet<String>,
    /// The ids of those that were cancelled.
    cancelled: BTreeSet<String>,
    mappings: Mappings,
    /// Records that ran out of retries.
    given_up: Arc<AtomicUsize>,
    console: Option<Console>,
}

/// Starts the local AWS, deploys to it, places orders, and follows their events to their
/// shipments. Then places half as many while the bus is broken, and cancels some of them.
/// Then places a tenth as many, whose events become dead letters until an operator replays
/// them. Prints a report, and returns it. If it is to `stay`, the stack and its console then run
/// until Enter is pressed.
///
/// # Errors
///
/// If a step fails. Lost events are no error, but part of the report.
pub async fn demo(
    paths: &Paths,
    listen: SocketAddr,
    orders: u64,
    stay: bool,
) -> Result<Report, Error> {
    let mut demo = Demo::start(paths, listen).await?;
    let report = demo.play(orders).await;
    if let Ok(report) = &report {
        println!("{report}");
        if stay {
            demo.stay().await?;
        }
    }
    drop(demo.console);
    demo.stack.stop().await?;
    report
}

impl<'p> Demo<'p> {
    async fn start(paths: &'p Paths, listen: SocketAddr) -> Result<Self, Error> {
        let stack = Stack::start(paths, listen).await?;
        let subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment).await?;
        let given_up = Arc::new(AtomicUsize::new(0));
        let mappings = drive(&stack, None, &given_up).await?;
        let console = Console::start_or_log(paths, &stack).await;
        if let Some(console) = &console {
            println!("\nWatch it in the browser: {}", console.address());
        }
        Ok(Self {
            console,
            paths,
            api: OrdersApi::of(stack.emulator.endpoint(), &stack.deployment)?,
            stack,
            subscriber,
            placed: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            mappings,
            given_up,
        })
    }

    async fn play(&mut self, orders: u64) -> Result<Report, Error> {
        println!("\nAct 1: all is well");
        self.place(1..=orders).await?;
        self.follow().await?;

        println!("\nAct 2: the bus is broken");
        broken_bus::start(&self.stack, Kind::Throttle)?;
        let posted = orders + orders.div_ceil(2);
        let placed = self.place(orders + 1..=posted).await?;
        self.cancel_every_fifth(&placed).await?;
        broken_bus::until_called(&self.stack).await?;
        println!("events pending in the outbox: {}", self.pending().await?);
        broken_bus::end(&self.stack);
        self.follow().await?;

        println!(
            "\nAct 3: the bus is broken for longer than retries last, and an event is damaged"
        );
        // A mapping that starts again reads all records again. The relay would publish young
        // records a second time, because it doesn't read the table for those.
        tokio::time::sleep(YOUNG).await;
        // With the deployed limit, retries last for most of an hour.
        self.mappings.stop().await;
        self.stack.faults.recorder().mapping_stopped();
        self.mappings = drive(&self.stack, Some(1), &self.given_up).await?;
        broken_bus::start(&self.stack, Kind::Deny)?;
        self.place(posted + 1..=posted + orders.div_ceil(10))
            .await?;
        let damaged = DamagedEvent::write(&self.stack.clients, &self.stack.deployment).await?;
        self.placed.insert(damaged.order_id.clone());
        self.until_given_up(orders.div_ceil(10)).await?;
        self.rescue(&damaged).await?;
        self.follow().await?;
        println!();
        self.report().await
    }

    /// Keeps the stack running until Enter is pressed. Orders can be placed in the console
    /// meanwhile.
    async fn stay(&mut self) -> Result<(), Error> {
        self.stack.accept_orders()?;
        stay(&self.stack, &mut self.subscriber, &mut self.mappings).await
    }

    /// Repairs the outbox as an on-call operator does.
    async fn rescue(&mut self, damaged: &DamagedEvent) -> Result<(), Error> {
        let fixed = self.stack.emulator.directory().join("fixed.json");
        let what = format!("writing {}", fixed.display());
        std::fs::write(&fixed, &damaged.detail).map_err(Error::io(what))?;
        let (row, fixed) = (damaged.row(), fixed.display().to_string());

        let operator = Operator::new(self.paths, self.stack.emulator.endpoint());
        let (done, needs_attention) = (0, 1);
        operator.run(&["status"], needs_attention).await?;
        operator.run(&["dlq", "list"], needs_attention).await?;
        broken_bus::end(&self.stack);
        let edit = ["edit", &row, "--detail", &fixed];
        operator.run(&edit, done).await?;
        operator.run(&["dlq", "replay"], done).await?;
        operator.run(&["status"], done).await
    }

    async fn place(&mut self, numbers: RangeInclusive<u64>) -> Result<BTreeSet<String>, Error> {
        let bar = counter("placing orders", numbers.clone().count() as u64);
        let placed = self.api.place(numbers, || bar.inc(1)).await?;
        bar.finish();
        self.placed.extend(placed.clone());
        Ok(placed)
    }

    async fn cancel_every_fifth(&mut self, placed: &BTreeSet<String>) -> Result<(), Error> {
        let every_fifth: Vec<&String> = placed.iter().step_by(5).collect();
        let bar = counter("cancelling orders", every_fifth.len() as u64);
        self.cancelled
            .extend(self.api.cancel(every_fifth, || bar.inc(1)).await?);
        bar.finish();
        Ok(())
    }

    /// Waits until so many records have run out of retries.
    async fn until_given_up(&self, records: u64) -> Result<(), Error> {
        let bar = counter("events given up", records);
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let given_up = self.given_up.load(Ordering::Relaxed) as u64;
            bar.set_position(given_up);
            if given_up >= records {
                bar.finish();
                return Ok(());
            }
            if Instant::now() > give_up_at {
                return Err(Error::NoDeadLetters);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Receives events until all have arrived and the outbox is empty, or none has arrived
    /// for a while. Then waits for their shipments.
    async fn follow(&mut self) -> Result<(), Error> {
        let bar = counter("events arriving", self.committed().len() as u64);
        self.receive_all(&bar).await?;
        bar.finish();
        let bar = counter("shipments decided", self.placed.len() as u64);
        self.until_shipped(&bar).await?;
        bar.finish();
        Ok(())
    }

    async fn receive_all(&mut self, bar: &ProgressBar) -> Result<(), Error> {
        let mut last_news = Instant::now();
        while last_news.elapsed() < PATIENCE {
            let known = self.subscriber.events.len();
            receive(&mut self.subscriber, &self.stack).await?;
            bar.set_position(self.subscriber.events.len() as u64);
            if self.subscriber.events.len() > known {
                last_news = Instant::now();
            } else if self.delivered().is_superset(&self.committed()) && self.pending().await? == 0
            {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn until_shipped(&self, bar: &ProgressBar) -> Result<(), Error> {
        let wanted = Shipments {
            started: self.placed.len() - self.cancelled.len(),
            stopped: self.cancelled.len(),
        };
        let mut shipments = Shipments::default();
        let mut last_news = Instant::now();
        while shipments != wanted && last_news.elapsed() < SHIPPING_PATIENCE {
            let now = self.shipments().await?;
            bar.set_position((now.started + now.stopped) as u64);
            if now == shipments {
                tokio::time::sleep(Duration::from_millis(200)).await;
            } else {
                last_news = Instant::now();
            }
            shipments = now;
        }
        Ok(())
    }

    async fn shipments(&self) -> Result<Shipments, Error> {
        Shipments::count(&self.stack.clients, &self.stack.deployment).await
    }

    /// Returns the expected events: their subjects with their types.
    fn committed(&self) -> BTreeSet<(String, String)> {
        let event = |event_type: &'static str| {
            move |order_id: &String| (format!("order#{order_id}"), event_type.to_owned())
        };
        let created = self.placed.iter().map(event("OrderCreated"));
        created
            .chain(self.cancelled.iter().map(event("OrderCancelled")))
            .collect()
    }

    fn delivered(&self) -> BTreeSet<(String, String)> {
        let events = self.subscriber.events.values();
        events
            .map(|event| (event.subject.clone(), event.event_type.clone()))
            .collect()
    }

    async fn report(&self) -> Result<Report, Error> {
        let backlog = Backlog::count(&self.stack.clients, &self.stack.deployment).await?;
        let committed = self.committed();
        let missing = committed.difference(&self.delivered()).count();
        let events = self.subscriber.events.values();
        let shipments = self.shipments().await?;
        Ok(Report {
            placed: self.placed.len(),
            cancelled: self.cancelled.len(),
            delivered: committed.len() - missing,
            delivered_twice: events.filter(|event| event.times > 1).count(),
            lost: missing.saturating_sub(backlog.pending),
            pending: backlog.pending,
            dead_letters: backlog.dead_letters,
            shipments_started: shipments.started,
            shipments_stopped: shipments.stopped,
        })
    }

    async fn pending(&self) -> Result<usize, Error> {
        pending(&self.stack.clients, &self.stack.deployment).await
    }
}

/// Drives the stack's mappings, and counts the records that run out of retries.
async fn drive(
    stack: &Stack,
    retry_limit: Option<u32>,
    given_up: &Arc<AtomicUsize>,
) -> Result<Mappings, Error> {
    let counter = Arc::clone(given_up);
    let observer = move |event: &Event| {
        if let Event::Invoked { given_up, .. } = event {
            counter.fetch_add(*given_up, Ordering::Relaxed);
        }
        // With a short limit, failures are intended.
        if retry_limit.is_none() {
            print_failure(event);
        }
    };
    Mappings::take_over(
        &stack.clients,
        &stack.deployment,
        &Functions::Deployed,
        |settings| {
            settings.maximum_retry_attempts = retry_limit.or(settings.maximum_retry_attempts);
        },
        stack.observing(Arc::new(observer)),
    )
    .await
}

/// Prints failures. Successes show as arriving events.
fn print_failure(event: &Event) {
    match event {
        Event::Invoked {
            again, given_up, ..
        } if again.is_empty() && *given_up == 0 => {}
        Event::Created { .. } | Event::ShardBegun { .. } | Event::Invoking { .. } => {}
        event => eprintln!("{event}"),
    }
}
