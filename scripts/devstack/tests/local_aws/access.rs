//! Every function has the permissions that it uses, and no others.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use devstack::{Call, Clients, Deployment, Fault, Functions, Kind, Mappings, Paths, Stack};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    orders::{place, request},
    permissions::{self, Permissions, differences},
    row::{OLD, write_damaged_row, write_row, write_second_row},
};

/// The timeout of a step: a shard may wait a minute for its next retry.
const PATIENCE: Duration = Duration::from_secs(90);

/// What writers that publish at once need only if Lambda has frozen them after a commit, and what
/// `create-order` never needs, because an order's first event has no predecessor.
const UNUSED: [(&str, &str); 3] = [
    ("create-order", "dynamodb:BatchGetItem"),
    ("create-order", "dynamodb:Query"),
    ("cancel-order", "dynamodb:BatchGetItem"),
];

/// Returns the permissions without those that a function need not use here.
fn without_unused(mut granted: Permissions) -> Permissions {
    for (function, action) in UNUSED {
        let permissions = granted.get_mut(function).expect(function);
        let all = permissions.len();
        permissions.retain(|permission| permission.action != action);
        assert!(permissions.len() < all, "{function} has no {action}");
    }
    granted
}

/// Records the calls of the functions.
struct Record<'s> {
    calls: UnboundedReceiver<Call>,
    deployment: &'s Deployment,
    /// The permissions that the calls needed.
    used: Permissions,
    /// Entries that were sent to the bus.
    entries: Vec<Value>,
}

impl<'s> Record<'s> {
    fn of(stack: &'s Stack) -> Self {
        Self {
            calls: stack.faults.calls(),
            deployment: &stack.deployment,
            used: Permissions::new(),
            entries: Vec::new(),
        }
    }

    /// Records calls until a condition holds. Returns whether it did before the timeout.
    async fn until(&mut self, holds: impl Fn(&Permissions) -> bool) -> bool {
        let give_up_at = Instant::now() + PATIENCE;
        while !holds(&self.used) {
            match timeout_at(give_up_at, self.calls.recv()).await {
                Ok(Some(call)) => self.add(&call),
                Ok(None) | Err(_) => return false,
            }
        }
        true
    }

    async fn until_used(&mut self, function: &str, action: &str) {
        let is_used = |used: &Permissions| has_used(used, function, action);
        assert!(self.until(is_used).await, "{function} never uses {action}");
    }

    fn has_used(&self, function: &str, action: &str) -> bool {
        has_used(&self.used, function, action)
    }

    /// Records the calls that have arrived.
    fn catch_up(&mut self) {
        while let Ok(call) = self.calls.try_recv() {
            self.add(&call);
        }
    }

    fn add(&mut self, call: &Call) {
        let Some(caller) = &call.caller else {
            panic!("a function without AWS_SDK_UA_APP_ID calls {}", call.action);
        };
        let needed = permissions::needed_by(call, self.deployment);
        self.used.entry(caller.clone()).or_default().extend(needed);
        if call.action == "PutEvents" {
            let mut request: Value = serde_json::from_slice(&call.request).unwrap();
            let entries = request["Entries"].as_array_mut().unwrap();
            self.entries.append(entries);
        }
    }

    /// Returns the `PutEvents` entry of the order's creation.
    fn entry_of(&self, order_id: &str) -> &Value {
        let is_wanted = |entry: &&Value| {
            entry["DetailType"] == "OrderCreated"
                && entry["Detail"].as_str().unwrap().contains(order_id)
        };
        self.entries.iter().find(is_wanted).unwrap()
    }
}

fn has_used(used: &Permissions, function: &str, action: &str) -> bool {
    let mut permissions = used.get(function).into_iter().flatten();
    permissions.any(|permission| permission.action == action)
}

/// Makes the bus reject every event, in this way, until the fault is cleared.
fn break_bus(stack: &Stack, kind: Kind) {
    let fault = Fault {
        action: "PutEvents".to_owned(),
        kind,
        probability: 1.0,
        count: None,
    };
    stack.faults.rules().add(fault).unwrap();
}

/// Waits until shipping has handled the creation and the cancellation of an order.
async fn until_stopped(clients: &Clients, deployment: &Deployment, order_id: &str) {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        let shipment = clients.dynamodb.get_item();
        let shipment = shipment
            .table_name(deployment.output("ShipmentsTableName").unwrap())
            .key("pk", AttributeValue::S(format!("shipment#{order_id}")))
            .consistent_read(true);
        let shipment = shipment.send().await.unwrap().item.unwrap_or_default();
        let is_stopped = shipment.get("status") == Some(&AttributeValue::S("stopped".into()));
        let items = shipment.get("items").and_then(|items| items.as_l().ok());
        if is_stopped && items.is_some_and(|items| !items.is_empty()) {
            return;
        }
        assert!(Instant::now() < give_up_at, "shipping knows {shipment:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Publishes an entry a second time.
async fn repeat(clients: &Clients, entry: &Value) {
    let text = |name: &str| entry[name].as_str().unwrap();
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(text("EventBusName"))
        .source(text("Source"))
        .detail_type(text("DetailType"))
        .detail(text("Detail"))
        .build();
    let put = clients.eventbridge.put_events().entries(entry).send();
    assert_eq!(put.await.unwrap().failed_entry_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn functions_use_all_their_permissions_and_no_others() {
    let address = ([127, 0, 0, 1], 0).into();
    let stack = Stack::start(&Paths::of_this_project().unwrap(), address)
        .await
        .unwrap();
    let (clients, deployment) = (&stack.clients, &stack.deployment);
    let granted = without_unused(permissions::granted(deployment));
    assert!(
        granted.keys().eq(deployment.functions.keys()),
        "{granted:?}"
    );
    let mut record = Record::of(&stack);
    let functions = Functions::Deployed;
    let observer = Arc::new(|_: &_| {});
    let mapping = Mappings::take_over(clients, deployment, &functions, |_| {}, observer);
    let mapping = mapping.await.unwrap();

    // A repeated request reads the stored order. What the writer can't publish at once is left to
    // the relay, which looks it up.
    break_bus(&stack, Kind::Deny);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let order = place(&stack, &http, 1).await;
    assert_eq!(place(&stack, &http, 1).await, order);
    let getting = request(&stack, &http, Method::GET, &format!("/orders/{order}"));
    assert_eq!(getting.send().await.unwrap().status(), 200);
    record
        .until_used("publish-events", "dynamodb:BatchGetItem")
        .await;
    let denied = stack.faults.rules().list()[0].id;

    // While its only event fails for now, the relay looks for others.
    break_bus(&stack, Kind::Throttle);
    stack.faults.rules().clear(Some(denied));
    record.until_used("publish-events", "dynamodb:Scan").await;
    stack.faults.rules().clear(None);

    // Shipping starts, stops, and receives an event twice.
    let path = format!("/orders/{order}/cancel");
    let cancelling = request(&stack, &http, Method::POST, &path);
    assert_eq!(cancelling.send().await.unwrap().status(), 200);
    until_stopped(clients, deployment, &order).await;
    record
        .until_used("start-shipping", "dynamodb:PutItem")
        .await;
    repeat(clients, record.entry_of(&order)).await;

    // For 10 s after the bus rejected its event, `create-order` leaves all to the stream.
    let give_up_at = Instant::now() + PATIENCE;
    for number in 2.. {
        record.catch_up();
        if record.has_used("create-order", "dynamodb:BatchWriteItem") {
            break;
        }
        assert!(Instant::now() < give_up_at, "nothing is published at once");
        place(&stack, &http, number).await;
        sleep(Duration::from_millis(500)).await;
    }

    // Shipping rejects an event that the orders service hasn't written.
    let mut forged = record.entry_of(&order).clone();
    forged["Detail"] = Value::from("{}");
    repeat(clients, &forged).await;
    record.until_used("start-shipping", "sqs:SendMessage").await;

    // What precedes an event of which this process knows nothing is read.
    write_second_row(&stack).await;
    record.until_used("publish-events", "dynamodb:Query").await;

    // A poison event for the relay, and one for the sweeper.
    write_damaged_row(&stack, SignedDuration::ZERO).await;
    record
        .until_used("publish-events", "dynamodb:UpdateItem")
        .await;
    drop(mapping);
    write_damaged_row(&stack, OLD).await;
    write_row(&stack, OLD).await;
    let sweep = clients.lambda.invoke();
    let sweep = sweep.function_name(&deployment.functions["sweep-outbox"]);
    assert_eq!(sweep.send().await.unwrap().function_error(), None);

    record.until(|used| *used == granted).await;
    record.catch_up();
    let differences = differences(&granted, &record.used);
    assert!(differences.is_empty(), "{differences:#?}");
    stack.stop().await.unwrap();
}
