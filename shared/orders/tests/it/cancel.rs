//! Cancelling orders.

use jiff::Timestamp;
use orders::{Order, OrderCancelled, OrderEvent, OrderStatus};
use serde_json::json;

use crate::place::{command, item, place};

fn placed() -> Order {
    place(command(vec![item("teapot", 2, 1950)])).unwrap().order
}

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

#[test]
fn a_placed_order_can_be_cancelled() {
    let order = placed();
    let change = order.clone().cancel(noon());
    assert_eq!(
        change.order,
        Order {
            status: OrderStatus::Cancelled,
            updated_at: noon(),
            ..order.clone()
        }
    );
    assert_eq!(
        change.events,
        [OrderEvent::OrderCancelled(OrderCancelled {
            order_id: order.id,
            customer_id: order.customer_id,
            cancelled_at: noon(),
        })]
    );
    assert_eq!(
        serde_json::to_value(&change.events[0]).unwrap(),
        json!({
            "orderId": "019ad0c5-0a4c-7000-8000-000000000001",
            "customerId": "customer-7",
            "cancelledAt": "2026-11-24T12:00:00Z",
        })
    );
}

#[test]
fn a_cancelled_order_stays_as_it_is() {
    let cancelled = placed().cancel(noon()).order;
    let later = "2026-11-25T12:00:00Z".parse().unwrap();
    let change = cancelled.clone().cancel(later);
    assert_eq!(change.order, cancelled);
    assert_eq!(change.events, []);
}
