//! `POST /orders`: saves an order and its event, in one transaction.

use aws_config::BehaviorVersion;
use lambda_http::{
    Adapter, Error, Request,
    lambda_runtime::{Runtime, layers::TracingLayer},
    service_fn,
};
use orders_service::{Callers, OrderService, OrderStore, Orders, create_order};
use outbox::{
    Outbox,
    at_once::AfterResponse,
    settings::variable,
    telemetry::{Telemetry, Trigger},
};

/// The `source` of this service's events.
const SOURCE: &str = "orders";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let orders_table = variable("ORDERS_TABLE")?;
    let outbox_table = variable("OUTBOX_TABLE")?;
    let callers = std::env::var("ALLOW_ANONYMOUS_CALLERS").ok();
    let callers = Callers::of_variable(callers.as_deref());

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let events = aws_sdk_eventbridge::Client::new(&config);
    let after_response = AfterResponse::from_environment(events, client.clone())?;
    let outbox = Outbox::new(client.clone(), outbox_table, SOURCE)?;
    let outbox = outbox.with_hand_over(after_response.hand_over());
    let store = OrderStore::new(Orders::new(client, orders_table), outbox);
    let service = OrderService::new(store);

    let service = &service;
    let handler = service_fn(move |request: Request| async move {
        Ok::<_, Error>(create_order(service, callers, request).await)
    });
    let runtime = Runtime::new(Adapter::from(handler)).layer(TracingLayer::new());
    let runtime = runtime.layer(after_response);
    runtime.layer(telemetry.layer(Trigger::Http)).run().await
}
