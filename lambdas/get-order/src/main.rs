//! `GET /orders/{id}`: returns an order.

use aws_config::BehaviorVersion;
use lambda_http::{Error, Request, run, service_fn, tracing};
use orders_service::{Callers, Orders, get_order};
use outbox::settings::variable;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let orders_table = variable("ORDERS_TABLE")?;
    let callers = std::env::var("ALLOW_ANONYMOUS_CALLERS").ok();
    let callers = Callers::of_variable(callers.as_deref());

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let orders = Orders::new(aws_sdk_dynamodb::Client::new(&config), orders_table);

    let orders = &orders;
    run(service_fn(move |request: Request| async move {
        Ok::<_, Error>(get_order(orders, callers, request).await)
    }))
    .await
}
