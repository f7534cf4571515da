//! The demo of another service than orders: its calls, made while the bus is broken.

mod calls;
mod report;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    backlog::{Backlog, pending},
    broken_bus,
    console::Console,
    demo::PATIENCE,
    error::Error,
    faults::Kind,
    mappings::{Functions, Mappings},
    paths::Paths,
    progress::counter,
    stack::Stack,
    stay::{receive, stay},
    subscriber::Subscriber,
};
use calls::{DemoCall, event_counts};
pub use report::ServiceReport;

/// Starts the local AWS, deploys the service to it, and makes the calls in its `scripts/demo.json`
/// while the bus is broken. Then the bus is fixed, and their events arrive. Prints a report, and
/// returns it. If it is to `stay`, the stack and its console then run until Enter is pressed.
///
/// # Errors
///
/// If a step fails. Lost events are no error, but part of the report.
pub async fn service_demo(
    paths: &Paths,
    listen: SocketAddr,
    should_stay: bool,
) -> Result<ServiceReport, Error> {
    let calls = calls::read(&paths.demo_calls())?;
    let stack = Stack::start(paths, listen).await?;
    let mut subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment).await?;
    let mut mappings = Mappings::take_over(
        &stack.clients,
        &stack.deployment,
        &Functions::Deployed,
        |_| {},
        // Its failures are intended.
        stack.observing(Arc::new(|_| {})),
    )
    .await?;
    let console = Console::start_or_log(paths, &stack).await;
    if let Some(console) = &console {
        println!("\nWatch it in the browser: {}", console.address());
    }
    let report = play(&calls, &stack, &mut subscriber).await;
    if let Ok(report) = &report {
        println!("\n{report}");
        if should_stay {
            stay(&stack, &mut subscriber, &mut mappings).await?;
        }
    }
    drop(console);
    stack.stop().await?;
    report
}

async fn play(
    calls: &[DemoCall],
    stack: &Stack,
    subscriber: &mut Subscriber,
) -> Result<ServiceReport, Error> {
    println!("\nThe bus is broken, and the service is called:");
    broken_bus::start(stack, Kind::Throttle)?;
    let (last, first): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.until.is_some());
    for call in first {
        let response = call.make(&stack.clients, &stack.deployment).await?;
        println!("  {} {} -> {response}", call.function, call.payload);
    }
    broken_bus::until_called(stack).await?;
    let unpublished = pending(&stack.clients, &stack.deployment).await?;
    println!("events pending in the outbox: {unpublished}");
    broken_bus::end(stack);
    let mut report = ServiceReport {
        committed: event_counts(calls),
        ..ServiceReport::default()
    };
    follow(&mut report, stack, subscriber).await?;
    for call in last {
        let response = repeat(call, stack).await?;
        println!("  {} {} -> {response}", call.function, call.payload);
        report.handled &= Some(&response) == call.until.as_ref();
    }
    Ok(report)
}

/// Receives events until all have arrived and the outbox is empty, or none has arrived for a
/// while.
async fn follow(
    report: &mut ServiceReport,
    stack: &Stack,
    subscriber: &mut Subscriber,
) -> Result<(), Error> {
    let bar = counter(
        "events arriving",
        report.committed.values().sum::<usize>() as u64,
    );
    let mut last_news = Instant::now();
    loop {
        let known = subscriber.events.len();
        receive(subscriber, stack).await?;
        bar.set_position(subscriber.events.len() as u64);
        if subscriber.events.len() > known {
            last_news = Instant::now();
            continue;
        }
        report.count(subscriber.events.values());
        let backlog = Backlog::count(&stack.clients, &stack.deployment).await?;
        (report.pending, report.dead_letters) = (backlog.pending, backlog.dead_letters);
        if report.has_arrived() || last_news.elapsed() > PATIENCE {
            bar.finish();
            return Ok(());
        }
    }
}

/// Makes a call until it returns what it waits for, or nothing has changed for a while. Returns
/// the last response.
async fn repeat(call: &DemoCall, stack: &Stack) -> Result<Value, Error> {
    let mut response = call.make(&stack.clients, &stack.deployment).await?;
    let mut last_news = Instant::now();
    while Some(&response) != call.until.as_ref() && last_news.elapsed() < PATIENCE {
        sleep(Duration::from_millis(200)).await;
        let now = call.make(&stack.clients, &stack.deployment).await?;
        if now != response {
            last_news = Instant::now();
        }
        response = now;
    }
    Ok(response)
}
