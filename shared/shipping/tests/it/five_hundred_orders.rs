//! Many orders with duplicated and disordered events.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, stream};
use outbox::inbox::Handled;
use serde_json::{Value, json};
use shipping::{Shipment, Shipping};

use crate::fixture::*;

const ORDERS: i64 = 500;

const AT_ONCE: usize = 10;

/// Returns the events shuffled, each up to five times.
fn deliveries(events: &[Value], random: &mut fastrand::Rng) -> Vec<Value> {
    let mut deliveries = Vec::new();
    for event in events {
        let times = random.usize(1..=5);
        deliveries.extend(std::iter::repeat_n(event.clone(), times));
    }
    random.shuffle(&mut deliveries);
    deliveries
}

/// Returns the shipments after each event once and in order.
fn expected(shipping: &Shipping, events: &[Value]) -> Vec<Value> {
    let mut shipments: BTreeMap<String, Shipment> = BTreeMap::new();
    for detail in events {
        let event = shipping.read(&body(detail)).unwrap();
        let id = event.data.order_id().to_owned();
        let known = shipments.get(&id);
        let shipment = Shipment::after(known, &event.data, event.sequence);
        shipments.insert(id, shipment);
    }
    let item = |(id, shipment): (String, Shipment)| {
        let mut item = json!({"pk": format!("shipment#{id}")});
        let fields = serde_json::to_value(shipment).unwrap();
        let fields = fields.as_object().unwrap().clone();
        item.as_object_mut().unwrap().extend(fields);
        item
    };
    shipments.into_iter().map(item).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_disorder_do_not_change_shipments() {
    let fixture = Fixture::start().await;
    let placed = stream::iter(1..=ORDERS)
        .map(|number| fixture.placed_and_cancelled(1 + number % 10))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let events = placed.into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(events.len(), 1000);

    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut deliveries = deliveries(&events, &mut random);
    let handled_now = AtomicUsize::new(0);
    // Failed messages are redelivered, as by SQS.
    let mut rounds = 0;
    while !deliveries.is_empty() {
        rounds += 1;
        assert!(rounds <= 5, "{} deliveries keep failing", deliveries.len());
        let deliver = |detail: Value| async {
            let handled = handle(&fixture.shipping, &detail).await;
            if matches!(handled, Ok(Handled::Now)) {
                handled_now.fetch_add(1, Ordering::Relaxed);
            }
            handled.is_err().then_some(detail)
        };
        deliveries = stream::iter(deliveries)
            .map(deliver)
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
    }

    assert_eq!(handled_now.into_inner(), events.len());
    assert_eq!(
        fixture.items("shipment#").await,
        expected(&fixture.shipping, &events)
    );
    assert_eq!(fixture.items("inbox#").await.len(), events.len());
}
