//! The order that an outbox keeps, which all its publishers are told.

use std::ffi::OsString;

use crate::{
    relay::Order,
    settings::{InvalidVariable, variable::required},
};

const NAME: &str = "EVENT_ORDER";

/// Returns the order of this value. Older versions of the construct don't set it.
pub(super) fn order(value: Option<OsString>) -> Result<Order, InvalidVariable> {
    if value.is_none() {
        return Ok(Order::default());
    }
    let order = required(NAME, value)?.parse();
    order.map_err(|source| InvalidVariable::Order { name: NAME, source })
}
