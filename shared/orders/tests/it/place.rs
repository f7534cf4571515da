//! Placing orders: what is accepted, and the violation for each mistake.

use orders::{Change, Money, Order, OrderEvent, OrderId, PlaceOrder, PlaceOrderItem};
use outbox::DomainEvent;
use proptest::prelude::*;

pub(crate) fn item(product: &str, quantity: i64, unit_price: i64) -> PlaceOrderItem {
    PlaceOrderItem {
        product_id: product.into(),
        quantity,
        unit_price,
    }
}

pub(crate) fn command(items: Vec<PlaceOrderItem>) -> PlaceOrder {
    PlaceOrder {
        customer_id: "customer-7".into(),
        currency: "EUR".into(),
        items,
    }
}

pub(crate) fn place(command: PlaceOrder) -> Result<Change, Vec<(String, String)>> {
    let id: OrderId = "019ad0c5-0a4c-7000-8000-000000000001".parse().unwrap();
    Order::place(command, id, "2026-11-24T09:00:00Z".parse().unwrap()).map_err(|invalid| {
        invalid
            .violations
            .into_iter()
            .map(|violation| (violation.field, violation.message))
            .collect()
    })
}

#[test]
fn a_valid_order_has_its_event() {
    let placed = place(command(vec![item("teapot", 2, 1950), item("cup", 6, 400)])).unwrap();

    assert_eq!(placed.order.total.to_string(), "63.00 EUR");
    let [event @ OrderEvent::OrderCreated(created)] = placed.events.as_slice() else {
        panic!("one OrderCreated, not {:?}", placed.events);
    };
    assert_eq!(event.event_type(), "OrderCreated");
    assert_eq!(created.order_id, placed.order.id);
    assert_eq!(created.items, placed.order.items);
    assert_eq!(created.total, placed.order.total);
}

#[test]
fn the_event_s_json_matches_the_contract() {
    let placed = place(command(vec![item("teapot", 2, 1950)])).unwrap();
    let json = serde_json::to_value(&placed.events[0]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "orderId": "019ad0c5-0a4c-7000-8000-000000000001",
            "customerId": "customer-7",
            "items": [{"productId": "teapot", "quantity": 2, "unitPrice": 1950}],
            "total": {"amount": 3900, "currency": "EUR"},
            "createdAt": "2026-11-24T09:00:00Z",
        })
    );
}

#[test]
fn every_mistake_is_reported_at_once_with_its_field() {
    let invalid = PlaceOrder {
        customer_id: " ".into(),
        currency: "EURO".into(),
        items: vec![item("", 0, -1), item("cup", 10_001, 1)],
    };
    let violations = place(invalid).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "currency",
            "customerId",
            "items[0].productId",
            "items[0].quantity",
            "items[0].unitPrice",
            "items[1].quantity",
        ]
    );
    assert_eq!(violations[5].1, "must be between 1 and 10000, not 10001");
}

#[test]
fn the_number_of_items_is_1_to_100() {
    assert!(place(command(vec![item("cup", 1, 1); 100])).is_ok());
    for (count, message) in [
        (0, "must hold at least 1 item"),
        (101, "must hold at most 100 items, not 101"),
    ] {
        let violations = place(command(vec![item("cup", 1, 1); count])).unwrap_err();
        assert_eq!(violations, [("items".into(), message.into())]);
    }
}

/// An error must not grow with the command, and its text must not quote it.
#[test]
fn twenty_violations_are_named_and_the_others_counted() {
    let id: OrderId = "019ad0c5-0a4c-7000-8000-000000000001".parse().unwrap();
    for (count, named, more) in [(100, 20, 280), (5_824, 1, 0)] {
        let items = vec![item("SECRET\u{7}", -1, -1); count];
        let placed = Order::place(command(items), id, "2026-11-24T09:00:00Z".parse().unwrap());
        let invalid = placed.unwrap_err();
        assert_eq!((invalid.violations.len(), invalid.more), (named, more));
        let says = format!("the order is invalid in {} places", named + more);
        assert_eq!(invalid.to_string(), says);
    }
}

#[test]
fn only_current_currencies_with_a_minor_unit_are_accepted() {
    for (code, accepted) in [
        ("EUR", true),
        ("JPY", true),
        ("eur", false),
        ("DEM", false),
        ("XAU", false),
        ("XXX", false),
        ("", false),
    ] {
        let order = PlaceOrder {
            currency: code.into(),
            ..command(vec![item("cup", 1, 1)])
        };
        assert_eq!(place(order).is_ok(), accepted, "{code:?}");
    }
}

#[test]
fn names_are_1_to_128_characters_without_control_characters() {
    for (name, accepted) in [
        ("c".repeat(128), true),
        ("c".repeat(129), false),
        ("é".repeat(128), true),
        ("é".repeat(129), false),
        (" \u{3000}".into(), false),
        ("a\u{0}b".into(), false),
        (String::new(), false),
    ] {
        let order = PlaceOrder {
            customer_id: name.clone(),
            ..command(vec![item("cup", 1, 1)])
        };
        assert_eq!(place(order).is_ok(), accepted, "{name:?}");
    }
}

#[test]
fn a_total_above_json_s_exact_range_is_rejected() {
    let max = Money::MAX_AMOUNT.cast_signed();
    assert!(place(command(vec![item("yacht", 1, max)])).is_ok());
    for items in [
        vec![item("yacht", 1, max), item("cup", 1, 1)],
        vec![item("yacht", 10_000, max)],
    ] {
        let violations = place(command(items)).unwrap_err();
        assert_eq!(violations[0].0, "items");
    }
}

proptest! {
    #[test]
    fn the_total_is_the_sum_over_all_items(
        items in prop::collection::vec((1_i64..=10_000, 0_i64..=1_000_000), 1..=100)
    ) {
        let expected: i64 = items.iter().map(|(quantity, price)| quantity * price).sum();
        let items = items.into_iter().map(|(quantity, price)| item("cup", quantity, price));
        let placed = place(command(items.collect())).unwrap();
        prop_assert_eq!(placed.order.total.amount.cast_signed(), expected);
    }

    #[test]
    fn no_command_causes_a_panic(
        customer_id in ".*", currency in "[A-Z]{0,4}",
        items in prop::collection::vec((any::<i64>(), any::<i64>()), 0..=110)
    ) {
        let items = items.into_iter().map(|(quantity, price)| item("cup", quantity, price));
        let _ = place(PlaceOrder { customer_id, currency, items: items.collect() });
    }
}
