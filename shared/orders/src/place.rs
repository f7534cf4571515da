//! Placing an order: the command and its validation.

use garde::Validate;
use iso_currency::Currency;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Change, InvalidOrder, Money, Order, OrderCreated, OrderEvent, OrderId, OrderItem, OrderStatus,
    Violation, whole_number,
};

/// How many products an order has at most.
const MOST_ITEMS: usize = 100;

/// The pattern of a name in the schema: something beside white space, and no control character.
const NAME: &str = concat!(
    r"^[^\u0000-\u001F\u007F-\u009F]*",
    r"[^\s\u0000-\u001F\u007F-\u009F]",
    r"[^\u0000-\u001F\u007F-\u009F]*$",
);

/// The command to place an order, not validated yet.
///
/// Numbers are signed and the currency is text, so that the validation reports a
/// wrong value together with all others. The JSON parser would report it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "An order to place.")]
pub struct PlaceOrder {
    /// The customer's id, 1 to 128 characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = NAME))]
    #[garde(custom(name_of_1_to_128_characters))]
    pub customer_id: String,
    /// The currency of every price, an ISO 4217 code: `EUR`.
    #[garde(custom(currency_code))]
    pub currency: String,
    /// The ordered products, 1 to 100.
    #[schemars(length(min = 1, max = 100))]
    #[garde(custom(between_1_and_100_items), dive)]
    pub items: Vec<PlaceOrderItem>,
}

/// One product of a [`PlaceOrder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "One product of an order.")]
pub struct PlaceOrderItem {
    /// The id of the product, 1 to 128 characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = NAME))]
    #[garde(custom(name_of_1_to_128_characters))]
    pub product_id: String,
    /// The quantity, 1 to 10,000.
    #[schemars(range(min = 1, max = 10_000))]
    #[serde(deserialize_with = "whole_number::deserialize")]
    #[garde(custom(within(1..=10_000)))]
    pub quantity: i64,
    /// The price of one piece in minor units (cents), 0 to 2^53 - 1.
    #[schemars(range(min = 0, max = Money::MAX_AMOUNT))]
    #[serde(deserialize_with = "whole_number::deserialize")]
    #[garde(custom(within(0..=Money::MAX_AMOUNT.cast_signed())))]
    pub unit_price: i64,
}

impl Order {
    /// Places an order with the given id at the given time.
    ///
    /// # Errors
    ///
    /// [`InvalidOrder`] with every invalid field.
    pub fn place(command: PlaceOrder, id: OrderId, now: Timestamp) -> Result<Change, InvalidOrder> {
        // Before each item is validated: there may be thousands.
        if command.items.len() > MOST_ITEMS {
            let message = too_many_items(command.items.len());
            return Err(InvalidOrder::new(vec![Violation::new("items", message)]));
        }
        command.validate()?;
        let total = total(&command)?;
        let items: Vec<OrderItem> = command.items.into_iter().map(OrderItem::from).collect();
        let order = Order {
            id,
            customer_id: command.customer_id,
            status: OrderStatus::Placed,
            items,
            total,
            created_at: now,
            updated_at: now,
        };
        let created = OrderEvent::OrderCreated(OrderCreated {
            order_id: id,
            customer_id: order.customer_id.clone(),
            items: order.items.clone(),
            total,
            created_at: now,
        });
        Ok(Change {
            order,
            events: vec![created],
        })
    }
}

impl From<PlaceOrderItem> for OrderItem {
    /// Converts a validated item, in which no number is negative.
    fn from(item: PlaceOrderItem) -> Self {
        Self {
            product_id: item.product_id,
            quantity: item.quantity.unsigned_abs(),
            unit_price: item.unit_price.unsigned_abs(),
        }
    }
}

/// Returns the sum of a validated command.
fn total(command: &PlaceOrder) -> Result<Money, InvalidOrder> {
    let currency = parse_currency(&command.currency);
    let amount = command.items.iter().try_fold(0_u64, |sum, item| {
        let price = item
            .unit_price
            .unsigned_abs()
            .checked_mul(item.quantity.unsigned_abs())?;
        sum.checked_add(price)
    });
    match (amount, currency) {
        (Some(amount), Some(currency)) if amount <= Money::MAX_AMOUNT => {
            Ok(Money { amount, currency })
        }
        _ => {
            let message = format!("the order's total exceeds {}", Money::MAX_AMOUNT);
            Err(InvalidOrder::new(vec![Violation::new("items", message)]))
        }
    }
}

/// Parses the code of a currency that is in use: not superseded, no precious
/// metal, no test code. Those have no minor unit for prices.
fn parse_currency(code: &str) -> Option<Currency> {
    Currency::from_code(code).filter(|currency| {
        !currency.is_special()
            && currency.is_superseded().is_none()
            && currency.exponent().is_some()
    })
}

fn currency_code(code: &str, (): &()) -> garde::Result {
    match parse_currency(code) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new(
            "must be the ISO 4217 code of a current currency, such as EUR",
        )),
    }
}

fn name_of_1_to_128_characters(name: &str, (): &()) -> garde::Result {
    if name.trim().is_empty() {
        return Err(garde::Error::new("must not be empty"));
    }
    if name.chars().count() > 128 {
        return Err(garde::Error::new("must be at most 128 characters long"));
    }
    if name.chars().any(char::is_control) {
        return Err(garde::Error::new("must not hold control characters"));
    }
    Ok(())
}

fn between_1_and_100_items(items: &[PlaceOrderItem], (): &()) -> garde::Result {
    match items.len() {
        0 => Err(garde::Error::new("must hold at least 1 item")),
        1..=MOST_ITEMS => Ok(()),
        count => Err(garde::Error::new(too_many_items(count))),
    }
}

fn too_many_items(count: usize) -> String {
    format!("must hold at most {MOST_ITEMS} items, not {count}")
}

fn within(range: std::ops::RangeInclusive<i64>) -> impl FnOnce(&i64, &()) -> garde::Result {
    move |number, ()| {
        if range.contains(number) {
            return Ok(());
        }
        let (min, max) = range.into_inner();
        Err(garde::Error::new(format!(
            "must be between {min} and {max}, not {number}"
        )))
    }
}
