//! The designs that are compared under the same faults.

use std::fmt;

use outbox::relay::Order;

/// How events get from a service to the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Design {
    /// The service saves, then publishes.
    DualWrite,
    /// A function publishes what the stream of the aggregates' table shows, through a
    /// stream mapping with Lambda's defaults.
    TableStream,
    /// The same, with batches bisected, partial batch responses, 30 retries and a
    /// dead-letter queue.
    TableStreamWithCare,
    /// An outbox whose relay puts one event per call, deletes its row, and fails whole
    /// batches.
    OneEventACall,
    /// This library, without order.
    BestEffort,
    /// This library.
    #[default]
    ThisOne,
    /// This library, with strict order.
    Strict,
}

impl Design {
    /// All designs, the simplest first.
    pub const ALL: [Self; 7] = [
        Self::DualWrite,
        Self::TableStream,
        Self::TableStreamWithCare,
        Self::OneEventACall,
        Self::BestEffort,
        Self::ThisOne,
        Self::Strict,
    ];

    /// Returns whether it is this library, with what it promises.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::BestEffort | Self::ThisOne | Self::Strict)
    }

    /// Returns the order that it keeps, if it is this library.
    pub(crate) fn order(self) -> Order {
        match self {
            Self::BestEffort => Order::BestEffort,
            Self::Strict => Order::Strict,
            _ => Order::InSequence,
        }
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DualWrite => "save, then publish",
            Self::TableStream => "stream of the table, mapping as it is",
            Self::TableStreamWithCare => "the same, bisected, partial, dead letters",
            Self::OneEventACall => "outbox, one event a call, whole batches",
            Self::BestEffort => "this one, order: best effort",
            Self::ThisOne => "this one",
            Self::Strict => "this one, order: strict",
        })
    }
}
