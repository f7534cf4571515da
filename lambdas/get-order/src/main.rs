//! `GET /orders/{id}`: returns an order.

use aws_config::BehaviorVersion;
use lambda_http::{
    Adapter, Error, Request,
    lambda_runtime::{Runtime, layers::TracingLayer},
    service_fn,
};
use orders_service::{Callers, Orders, get_order};
use outbox::{
    settings::variable,
    telemetry::{Telemetry, Trigger},
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telemetry = Telemetry::from_environment()?;
    let orders_table = variable("ORDERS_TABLE")?;
    let callers = std::env::var("ALLOW_ANONYMOUS_CALLERS").ok();
    let callers = Callers::of_variable(callers.as_deref());

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let orders = Orders::new(aws_sdk_dynamodb::Client::new(&config), orders_table);

    let orders = &orders;
    let handler = service_fn(move |request: Request| async move {
        Ok::<_, Error>(get_order(orders, callers, request).await)
    });
    let runtime = Runtime::new(Adapter::from(handler)).layer(TracingLayer::new());
    runtime.layer(telemetry.layer(Trigger::Http)).run().await
}
