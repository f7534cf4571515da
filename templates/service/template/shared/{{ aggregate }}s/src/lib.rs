//! {{ aggregate | capitalize }}s: what one is, how it changes, and what happens because of it.

mod counter;
mod counts;
mod {{ aggregate }};
mod {{ aggregate }}s;

pub use counter::{CONSUMER, EventCounter};
pub use counts::{COUNTS, Counts, counts_key, read_counts};
pub use {{ aggregate }}::{Invalid{{ aggregate | capitalize }}, {{ aggregate | capitalize }}, {{ aggregate | capitalize }}Event};
pub use {{ aggregate }}s::{ {{- aggregate | capitalize }}Error, {{ aggregate | capitalize }}s, {{ aggregate }}_table};

/// The name of this service in its events: the `source` that consumers match on.
pub const SOURCE: &str = "{{ project_name }}";
