//! Environment variables that a function needs.

use std::ffi::OsString;

#[cfg(feature = "relay")]
use crate::relay::{UnknownLookUp, UnknownOrder};

/// An environment variable that a function can't work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVariable {
    /// It is missing.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// It is empty.
    #[error("environment variable {0} is empty")]
    Empty(&'static str),
    /// It is not UTF-8.
    #[error("environment variable {0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A part of a list is empty, or begins or ends with a space.
    #[error("environment variable {name} has the invalid part {part:?}")]
    Part {
        /// The name of the variable.
        name: &'static str,
        /// The part.
        part: String,
    },
    /// It is no order.
    #[cfg(feature = "relay")]
    #[error("environment variable {name}: {source}")]
    Order {
        /// The name of the variable.
        name: &'static str,
        /// What it should be.
        source: UnknownOrder,
    },
    /// It doesn't say what to look up.
    #[cfg(feature = "relay")]
    #[error("environment variable {name}: {source}")]
    LookUp {
        /// The name of the variable.
        name: &'static str,
        /// What it should be.
        source: UnknownLookUp,
    },
    /// It is no number of seconds.
    #[error("environment variable {name} is not a number of seconds: {value:?}")]
    Seconds {
        /// The name of the variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// Returns the value of an environment variable that a function can't work without.
///
/// ```no_run
/// use outbox::settings::variable;
///
/// # fn read() -> Result<(), outbox::settings::InvalidVariable> {
/// let orders_table = variable("ORDERS_TABLE")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If it is missing, empty or not UTF-8.
pub fn variable(name: &'static str) -> Result<String, InvalidVariable> {
    required(name, std::env::var_os(name))
}

pub(super) fn required(
    name: &'static str,
    value: Option<OsString>,
) -> Result<String, InvalidVariable> {
    let value = value.ok_or(InvalidVariable::Missing(name))?;
    let value = value.into_string();
    let value = value.map_err(|_| InvalidVariable::NotUtf8(name))?;
    if value.is_empty() {
        return Err(InvalidVariable::Empty(name));
    }
    Ok(value)
}
