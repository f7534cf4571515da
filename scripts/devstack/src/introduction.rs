//! What to do with a running stack.

use crate::{
    console::Console, deployment::Deployment, endpoint::LocalEndpoint, paths::Paths, stack::Stack,
};

/// Prints what can be done with the stack, whose functions are called at this address.
pub(crate) fn introduce(
    paths: &Paths,
    stack: &Stack,
    functions: LocalEndpoint,
    console: Option<&Console>,
) {
    if let Some(console) = console {
        println!(
            "
See where every event is, and fix what is stuck, in the browser:

  {}",
            console.address()
        );
    }
    let aws = stack.emulator.endpoint();
    if paths.is_orders_service() {
        introduce_orders(functions, aws);
    } else {
        introduce_service(&stack.deployment, functions, aws);
    }
}

fn introduce_orders(functions: LocalEndpoint, aws: LocalEndpoint) {
    let order = r#"{"customerId":"customer-7","currency":"EUR","items":[{"productId":"teapot","quantity":2,"unitPrice":1950}]}"#;
    println!(
        "
Place an order:

  curl {functions}/lambda-url/create-order/orders -H 'Content-Type: application/json' \\
    -d '{order}'

Its event shows up below when it is on the bus, and then its shipment. Get the
order, and cancel it:

  curl {functions}/lambda-url/get-order/orders/ID
  curl -X POST {functions}/lambda-url/cancel-order/orders/ID/cancel

Edit a function and save it: the next call runs the new code. Inject faults, from
another terminal:

  make fault ARGS='add PutEvents throttle'
  make fault ARGS='add TransactWriteItems poison --count 1'
  make fault ARGS=list
  make fault ARGS=clear

See what is pending or parked, and fix it:

  make status ENV=local
  make replay ENV=local
  make outboxctl ENV=local ARGS=parked

The local AWS answers at {aws}

Ctrl-C stops everything.
",
    );
}

fn introduce_service(deployment: &Deployment, functions: LocalEndpoint, aws: LocalEndpoint) {
    let names: Vec<&str> = deployment.functions.keys().map(String::as_str).collect();
    println!(
        "
Invoke a function; its first call builds it:

  curl {functions}/2015-03-31/functions/FUNCTION/invocations -d '{{}}'

The functions are {names}.

Edit a function and save it: the next call runs the new code. An event shows up below
when it is on the bus.

In the folder of the transactional outbox, from another terminal, inject faults, and see
what is pending or parked:

  make fault ARGS='add PutEvents throttle'
  make fault ARGS=clear
  make status ENV=local STACK={stack}
  make outboxctl ENV=local STACK={stack} ARGS=parked

The local AWS answers at {aws}

Ctrl-C stops everything.
",
        names = names.join(", "),
        stack = deployment.stack,
    );
}
