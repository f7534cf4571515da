//! `make dev`: the local stack with the functions under development.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use stream_mapping_cli::{Event, InvocationOutcome};

use crate::{
    console::{self, Console},
    endpoint::LocalEndpoint,
    error::Error,
    functions::{Gateway, deployed},
    introduction::introduce,
    log::log_line,
    mappings::{Functions, Mappings},
    orders::OrdersApi,
    paths::Paths,
    running::Running,
    stack::Stack,
    subscriber::Subscriber,
};

/// Returns the address of the running stack's AWS.
///
/// # Errors
///
/// If none is running.
pub fn endpoint(paths: &Paths) -> Result<LocalEndpoint, Error> {
    Running::aws(paths)
}

/// Runs the stack with the functions as built from their current sources: an edited function
/// is built again, and its next call runs the new code. Logs orders, batches and events
/// until it is dropped, which ends everything that it started.
///
/// # Errors
///
/// If another one is running, or a step fails.
pub async fn dev(paths: &Paths, listen: SocketAddr) -> Result<(), Error> {
    let mut running = Running::claim(paths)?;
    let stack = Stack::start(paths, listen).await?;
    let recorder = stack.faults.recorder().clone();
    let configurations = deployed(&stack).await?;
    let mut gateway = Gateway::start(paths, configurations, None, recorder).await?;
    let mut subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment).await?;
    let functions = Functions::Watched(gateway.client());
    let mut mappings = Mappings::take_over(
        &stack.clients,
        &stack.deployment,
        &functions,
        |_| {},
        stack.observing(Arc::new(batch_log())),
    )
    .await?;
    if paths.is_orders_service() {
        stack.accept_orders_through(OrdersApi::of_functions(gateway.endpoint())?);
    }
    let (faults, aws) = (stack.faults.endpoint(), stack.emulator.endpoint());
    running.announce(paths, faults, aws)?;
    let mut console = Console::start_or_log(paths, &stack).await;
    introduce(paths, &stack, gateway.endpoint(), console.as_ref());
    tokio::select! {
        failed = log_events(&mut subscriber, &stack) => failed,
        never = console::log_end(&mut console) => match never {},
        () = mappings.ended() => Err(Error::Mapping("it has ended".to_owned())),
        () = gateway.ended() => Err(Error::FunctionsEnded),
    }
}

/// Logs the results of the stream's batches. A batch that doesn't reach its function, such as
/// one that doesn't compile, is retried every few seconds: that is logged once.
fn batch_log() -> impl Fn(&Event) {
    let last = Mutex::new(None);
    move |event: &Event| match event {
        // The stream always has shards, and invocations end, so these events say nothing.
        Event::ShardBegun { .. } | Event::ShardDone { .. } | Event::Invoking { .. } => {}
        Event::Invoked { outcome, .. } => {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let before = last.replace(outcome.clone());
            if !is_repeated(outcome, before.as_ref()) {
                log_line("batch", event);
            }
        }
        event => log_line("batch", event),
    }
}

/// Returns whether a batch still doesn't reach its function, for the same reason.
fn is_repeated(outcome: &InvocationOutcome, before: Option<&InvocationOutcome>) -> bool {
    matches!(outcome, InvocationOutcome::NotReached { .. }) && before == Some(outcome)
}

/// Logs events on the bus until receiving fails.
async fn log_events(subscriber: &mut Subscriber, stack: &Stack) -> Result<(), Error> {
    loop {
        for event in subscriber.receive().await? {
            stack.delivered(&event);
            let delivered = &subscriber.events[&event];
            let again = if delivered.times > 1 { ", again" } else { "" };
            let (kind, subject) = (&delivered.event_type, &delivered.subject);
            let what = format!("{kind} of {subject} is on the bus{again}");
            log_line("event", what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_batch_that_again_reaches_no_function_is_not_logged() {
        let not_reached = |error: &str| InvocationOutcome::NotReached {
            error: error.to_owned(),
        };
        let failed = InvocationOutcome::FunctionError {
            error: "not reached".to_owned(),
        };
        let first = not_reached("does not compile");
        assert!(is_repeated(&first, Some(&first)));
        assert!(!is_repeated(&first, None));
        assert!(!is_repeated(&first, Some(&not_reached("no memory"))));
        assert!(!is_repeated(&first, Some(&InvocationOutcome::Success)));
        assert!(!is_repeated(&failed, Some(&failed)));
    }
}
