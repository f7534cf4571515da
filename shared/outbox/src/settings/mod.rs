//! The settings of functions: environment variables. Those of the relay's functions, as the CDK
//! construct sets them:
//!
//! | variable | content |
//! |---|---|
//! | `OUTBOX_TABLE` | the name of the table |
//! | `EVENT_BUS_NAME` | the name of the bus |
//! | `DEAD_LETTER_QUEUE_URL` | the URL of the dead-letter queue |
//! | `EVENT_SOURCES` | the sources that may be published, separated by commas |
//! | `EVENT_ORDER` | `InSequence`, the default, `Strict` or `BestEffort` |
//! | `LOOK_UP` | `WhenOld`, the default, or `Always`: for an outbox whose writers publish at once |
//! | `GRACE_PERIOD_SECONDS` | of the sweeper: the age from which it publishes a row; 15 minutes by default |
//!
//! A function that publishes at once needs `OUTBOX_TABLE`, `EVENT_BUS_NAME` and `EVENT_ORDER`. The module
//! `telemetry`, of the feature `opentelemetry`, has variables of its own, which the construct doesn't set.

#[cfg(feature = "at-once")]
mod at_once;
#[cfg(feature = "relay")]
mod order;
#[cfg(feature = "relay")]
mod relay;
mod variable;

#[cfg(feature = "at-once")]
pub use at_once::AtOnceSettings;
#[cfg(feature = "relay")]
pub use relay::{RelaySettings, grace_from_environment};
pub use variable::{InvalidVariable, variable};
