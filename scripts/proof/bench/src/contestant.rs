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
    /// `publish-events` as deployed, with new records.
    Relay,
    /// The same with records that it has to look up.
    RelayAged,
    /// `bare-handler`.
    Bare,
    /// `one-by-one.mjs`.
    NodeOneByOne,
    /// `tens-at-once.mjs`.
    NodeTensAtOnce,
    /// `create-order`, only to count its requests.
    CreateOrder,
}

impl Contestant {
    /// All that publish.
    pub(crate) const ALL: [Self; 5] = [
        Self::Relay,
        Self::RelayAged,
        Self::Bare,
        Self::NodeOneByOne,
        Self::NodeTensAtOnce,
    ];

    pub(crate) const OURS_AND_BARE: [Self; 3] = [Self::Relay, Self::RelayAged, Self::Bare];

    pub(crate) fn age(self) -> Age {
        match self {
            Self::RelayAged => Age::Aged,
            _ => Age::Fresh,
        }
    }

    /// Returns whether it deletes the rows of published events.
    pub(crate) fn deletes(self) -> bool {
        !self.is_node()
    }

    /// Returns whether it publishes the events of an aggregate in order.
    pub(crate) fn keeps_order(self) -> bool {
        matches!(self, Self::Relay | Self::RelayAged | Self::NodeOneByOne)
    }

    pub(crate) fn is_ours(self) -> bool {
        !self.is_node() && self != Self::Bare
    }

    pub(crate) fn is_node(self) -> bool {
        matches!(self, Self::NodeOneByOne | Self::NodeTensAtOnce)
    }

    /// Returns the program's file in the project's directory.
    pub(crate) fn file(self, project: &Path) -> PathBuf {
        let name = match self {
            Self::Relay | Self::RelayAged => "target/lambda/bench/publish-events/bootstrap",
            Self::Bare => "target/lambda/bench/bare-handler/bootstrap",
            Self::CreateOrder => "target/lambda/bench/create-order/bootstrap",
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
            Self::RelayAged => "this relay, aged records",
            Self::Bare => "bare Rust handler",
            Self::NodeOneByOne => "Node, one by one",
            Self::NodeTensAtOnce => "Node, tens at once",
            Self::CreateOrder => "create-order",
        })
    }
}
