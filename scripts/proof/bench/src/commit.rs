//! The processor time that `create-order` needs in addition to its transaction.

use std::{collections::HashMap, thread, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem},
};
use dynamodb_in_process::{client, create_table, listen};
use lambda_http::{Body, Request};
use miette::{IntoDiagnostic, Result, bail, miette};
use nix::time::{ClockId, clock_gettime};
use orders_service::{Callers, OrderService, OrderStore, Orders, create_order};
use outbox::Outbox;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::statistics::Spread;

/// Orders in a round, and rounds. One more round comes first, to warm up.
const ORDERS: u32 = 500;
const ROUNDS: usize = 7;

type Item = HashMap<String, AttributeValue>;

/// Processor time in the client's process, in microseconds per order.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Commit {
    /// For a raw `TransactWriteItems` with the same items.
    pub(crate) raw: Spread,
    /// For `create-order`.
    pub(crate) create_order: Spread,
    /// The difference.
    pub(crate) added: Spread,
}

/// Alternates between orders by `create-order` and raw transactions with the same items,
/// with `DynamoDB` in this process.
pub(crate) async fn measure() -> Result<Commit> {
    let address = listen().await;
    // The database runs in other threads, whose time does not count.
    let measurement = thread::spawn(move || -> Result<Commit> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .into_diagnostic()?
            .block_on(measure_on_this_thread(client(address)))
    });
    let measured = tokio::task::spawn_blocking(move || measurement.join());
    let measured = measured.await.into_diagnostic()?;
    measured.map_err(|_| miette!("the measurement of commits panicked"))?
}

async fn measure_on_this_thread(client: Client) -> Result<Commit> {
    create_table(&client, "orders", "pk", None).await;
    create_table(&client, "outbox", "aggregateId", Some("position")).await;
    let service = service(&client)?;

    create(&service, request()?).await?;
    let items = [
        ("orders", "pk", only_item(&client, "orders").await?),
        ("outbox", "aggregateId", only_item(&client, "outbox").await?),
    ];
    write(&client, &items).await?;

    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Created before the measurement begins.
        let requests: Vec<Request> = (0..ORDERS).map(|_| request()).collect::<Result<_>>()?;
        let begun = now()?;
        for _ in 0..ORDERS {
            write(&client, &items).await?;
        }
        let between = now()?;
        for request in requests {
            create(&service, request).await?;
        }
        let ended = now()?;
        let per_order = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(ORDERS);
        // The first one only warms up.
        if round > 0 {
            raw.push(per_order(between.saturating_sub(begun)));
            ours.push(per_order(ended.saturating_sub(between)));
        }
    }
    Ok(Commit {
        added: Spread::of(ours.iter().zip(&raw).map(|(ours, raw)| ours - raw)),
        raw: Spread::of(raw),
        create_order: Spread::of(ours),
    })
}

/// Returns the service with the same parts as in `create-order`.
pub(crate) fn service(client: &Client) -> Result<OrderService> {
    let outbox = Outbox::new(client.clone(), "outbox", "orders").into_diagnostic()?;
    let orders = Orders::new(client.clone(), "orders");
    Ok(OrderService::new(OrderStore::new(orders, outbox)))
}

/// Returns the processor time of this thread.
fn now() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    Ok(time.into_diagnostic()?.into())
}

/// Returns a request for an order, as API Gateway sends it.
pub(crate) fn request() -> Result<Request> {
    let order = json!({
        "customerId": "customer-7",
        "currency": "EUR",
        "items": [
            {"productId": "teapot", "quantity": 2, "unitPrice": 1950},
            {"productId": "cup", "quantity": 6, "unitPrice": 450},
        ],
    });
    let request = lambda_http::http::Request::builder()
        .method("POST")
        .uri("/orders")
        .header("content-type", "application/json")
        .body(Body::Text(order.to_string()));
    request.into_diagnostic()
}

/// Creates an order.
pub(crate) async fn create(service: &OrderService, request: Request) -> Result<()> {
    let response = create_order(service, Callers::Anyone, request).await;
    if response.status() != 201 {
        bail!("the response to an order is {}", response.status());
    }
    Ok(())
}

/// Writes the same items under a new key with the SDK alone.
async fn write(client: &Client, items: &[(&str, &str, Item)]) -> Result<()> {
    let id = format!("order#{}", Uuid::now_v7());
    let puts = items.iter().map(|(table, key, item)| {
        let mut item = item.clone();
        item.insert((*key).to_owned(), AttributeValue::S(id.clone()));
        let put = Put::builder()
            .table_name(*table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", *key);
        Ok(TransactWriteItem::builder()
            .put(put.build().into_diagnostic()?)
            .build())
    });
    let puts = puts.collect::<Result<_>>()?;
    let transaction = client.transact_write_items().set_transact_items(Some(puts));
    let token = Uuid::new_v4().to_string();
    transaction
        .client_request_token(token)
        .send()
        .await
        .into_diagnostic()?;
    Ok(())
}

async fn only_item(client: &Client, table: &str) -> Result<Item> {
    let found = client
        .scan()
        .table_name(table)
        .send()
        .await
        .into_diagnostic()?;
    let mut items = found.items.unwrap_or_default();
    match (items.pop(), items.is_empty()) {
        (Some(item), true) => Ok(item),
        _ => bail!("one order did not create exactly one item in {table}"),
    }
}
