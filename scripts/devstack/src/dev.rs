use std::{net::SocketAddr, sync::Arc};

use stream_mapping_driver::Event;

use crate::{
    endpoint::LocalEndpoint,
    error::Error,
    log::tell,
    mappings::{Functions, Mappings},
    paths::Paths,
    running::Running,
    stack::Stack,
    subscriber::Subscriber,
    watch::Watch,
};

/// Where the AWS of the stack answers that is developed with.
///
/// # Errors
///
/// If none is running.
pub fn endpoint(paths: &Paths) -> Result<LocalEndpoint, Error> {
    Running::aws(paths)
}

/// Runs the stack with the functions as they stand in the project: a function
/// that is edited is built anew with its next call. Tells of orders, batches
/// and events until it is dropped, and nothing is left running then.
///
/// # Errors
///
/// If another one is running, or a step fails.
pub async fn dev(paths: &Paths, listen: SocketAddr) -> Result<(), Error> {
    let mut running = Running::claim(paths)?;
    let stack = Stack::start(paths, listen).await?;
    let mut watch = Watch::start(paths, &stack).await?;
    let mut subscriber = Subscriber::subscribe(&stack.clients, &stack.deployment).await?;
    let observer = Arc::new(|event: &Event| tell("batch", event));
    let functions = Functions::Watched(watch.client());
    let mut mappings = Mappings::take_over(
        &stack.clients,
        &stack.deployment,
        &functions,
        |_| {},
        observer,
    )
    .await?;
    running.tell(paths, stack.faults.endpoint(), stack.emulator.endpoint())?;
    introduce(&stack, &watch);
    tokio::select! {
        failed = tell_events(&mut subscriber) => failed,
        () = mappings.ended() => Err(Error::Mapping("it has ended".to_owned())),
        () = watch.ended() => Err(Error::WatchEnded),
    }
}

/// Tells of events on the bus, as long as they can be received.
async fn tell_events(subscriber: &mut Subscriber) -> Result<(), Error> {
    loop {
        for event in subscriber.receive().await? {
            let delivered = &subscriber.events[&event];
            let again = if delivered.times > 1 { ", again" } else { "" };
            let (kind, order) = (&delivered.event_type, &delivered.order_id);
            let what = format!("{kind} of order {order} is on the bus{again}");
            tell("event", what);
        }
    }
}

fn introduce(stack: &Stack, watch: &Watch) {
    let order = r#"{"customerId":"customer-7","currency":"EUR","items":[{"productId":"teapot","quantity":2,"unitPrice":1950}]}"#;
    println!(
        "
Place an order (the first call of a function waits for its build):

  curl {functions}/lambda-url/create-order/orders -H 'Content-Type: application/json' \\
    -d '{order}'

Its event shows up below, once it is on the bus, and then its shipment. See the
order, and cancel it:

  curl {functions}/lambda-url/get-order/orders/ID
  curl -X POST {functions}/lambda-url/cancel-order/orders/ID/cancel

Edit a function, save, and the next call runs the new code. Break something, from
another terminal:

  make fault ARGS='add PutEvents throttle'
  make fault ARGS=list
  make fault ARGS=clear

See what waits, and put it right:

  make status ENV=local
  make replay ENV=local

The local AWS answers at {aws}

Ctrl-C stops everything.
",
        functions = watch.endpoint(),
        aws = stack.emulator.endpoint(),
    );
}
