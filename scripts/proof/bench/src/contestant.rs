//! The programs that are measured.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;
use tokio::process::Command;

use crate::batch::Age;

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// `publish-events` as deployed, with new records of new aggregates.
    Relay,
    /// The same with order: best effort.
    RelayUnordered,
    /// The same with order: strict.
    RelayStrict,
    /// The same as deployed, with new records of aggregates whose earlier events another process
    /// has published: it reads the table before each aggregate.
    RelayReading,
    /// The same with records that it has to look up, because they are old.
    RelayAged,
    /// The same for an outbox whose writers publish at once: it looks up new records, too.
    RelayLookingUp,
    /// The same with records of events that their writers have published: it finds no row.
    RelaySkipping,
    /// `bare-handler`.
    Bare,
    /// The same, which makes the look-ups that the relay makes for old records.
    BareLookingUp,
    /// `one-by-one.mjs`.
    NodeOneByOne,
    /// `tens-at-once.mjs`.
    NodeTensAtOnce,
    /// `create-order`, whose events are left to the stream, only to count its requests.
    CreateOrder,
    /// `create-order`, which publishes at once, for its requests and its time after the response.
    CreateOrderAtOnce,
}

impl Contestant {
    /// All that publish.
    pub(crate) const ALL: [Self; 11] = [
        Self::Relay,
        Self::RelayUnordered,
        Self::RelayStrict,
        Self::RelayReading,
        Self::RelayAged,
        Self::RelayLookingUp,
        Self::RelaySkipping,
        Self::Bare,
        Self::BareLookingUp,
        Self::NodeOneByOne,
        Self::NodeTensAtOnce,
    ];

    pub(crate) const OURS_AND_BARE: [Self; 9] = [
        Self::Relay,
        Self::RelayUnordered,
        Self::RelayStrict,
        Self::RelayReading,
        Self::RelayAged,
        Self::RelayLookingUp,
        Self::RelaySkipping,
        Self::Bare,
        Self::BareLookingUp,
    ];

    pub(crate) fn age(self) -> Age {
        match self {
            Self::RelayAged => Age::Aged,
            _ => Age::Fresh,
        }
    }

    /// Returns the sequence of an aggregate's first event.
    pub(crate) fn first_sequence(self) -> usize {
        if self == Self::RelayReading { 8 } else { 1 }
    }

    /// Returns what its environment has besides that of all functions.
    pub(crate) fn environment(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        // Without the name of a bus, a writer leaves its events to the stream.
        let bus = (self != Self::CreateOrder).then_some(("EVENT_BUS_NAME", "orders"));
        let setting = match self {
            Self::RelayUnordered => Some(("EVENT_ORDER", "BestEffort")),
            Self::RelayStrict => Some(("EVENT_ORDER", "Strict")),
            Self::RelayLookingUp | Self::RelaySkipping | Self::BareLookingUp => {
                Some(("LOOK_UP", "Always"))
            }
            _ => None,
        };
        bus.into_iter().chain(setting)
    }

    /// Returns whether its events are published when it gets their records.
    pub(crate) fn skips(self) -> bool {
        self == Self::RelaySkipping
    }

    /// Returns whether it deletes the rows of published events.
    pub(crate) fn deletes(self) -> bool {
        !self.is_node()
    }

    /// Returns whether it publishes the events of an aggregate in order.
    pub(crate) fn keeps_order(self) -> bool {
        !matches!(
            self,
            Self::Bare | Self::BareLookingUp | Self::NodeTensAtOnce
        )
    }

    pub(crate) fn is_ours(self) -> bool {
        !self.is_node() && !matches!(self, Self::Bare | Self::BareLookingUp)
    }

    pub(crate) fn is_node(self) -> bool {
        matches!(self, Self::NodeOneByOne | Self::NodeTensAtOnce)
    }

    /// Returns the program's file in the project's directory.
    pub(crate) fn file(self, project: &Path) -> PathBuf {
        let name = match self {
            Self::Relay
            | Self::RelayUnordered
            | Self::RelayStrict
            | Self::RelayReading
            | Self::RelayAged
            | Self::RelayLookingUp
            | Self::RelaySkipping => "target/lambda/bench/publish-events/bootstrap",
            Self::Bare | Self::BareLookingUp => "target/lambda/bench/bare-handler/bootstrap",
            Self::CreateOrder | Self::CreateOrderAtOnce => {
                "target/lambda/bench/create-order/bootstrap"
            }
            Self::NodeOneByOne => "scripts/proof/bench/node/one-by-one.mjs",
            Self::NodeTensAtOnce => "scripts/proof/bench/node/tens-at-once.mjs",
        };
        project.join(name)
    }

    pub(crate) fn program(self, project: &Path) -> Command {
        let file = self.file(project);
        if self.is_node() {
            let mut node = Command::new("node");
            node.arg(file);
            node
        } else {
            Command::new(file)
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relay => "this relay",
            Self::RelayUnordered => "this relay, no order",
            Self::RelayStrict => "this relay, strict order",
            Self::RelayReading => "this relay, reads first",
            Self::RelayAged => "this relay, aged records",
            Self::RelayLookingUp => "this relay, looks all up",
            Self::RelaySkipping => "this relay, all published",
            Self::Bare => "bare Rust handler",
            Self::BareLookingUp => "bare handler, looks up",
            Self::NodeOneByOne => "Node, one by one",
            Self::NodeTensAtOnce => "Node, tens at once",
            Self::CreateOrder => "create-order",
            Self::CreateOrderAtOnce => "create-order, publishes at once",
        })
    }
}
