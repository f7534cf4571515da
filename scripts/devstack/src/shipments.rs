//! Counts the shipments, the last step of an order.

use std::fmt;

use serde::Deserialize;

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// Counts of the shipments by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shipments {
    pub(crate) started: usize,
    pub(crate) stopped: usize,
}

#[derive(Deserialize)]
struct Item {
    status: Option<String>,
}

impl Shipments {
    /// Counts the shipments in the table.
    pub(crate) async fn count(clients: &Clients, deployment: &Deployment) -> Result<Self, Error> {
        let mut items = clients
            .dynamodb
            .scan()
            .table_name(deployment.output("ShipmentsTableName")?)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut count = Self::default();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| Error::call("Scan")(error.into()))?;
            let item: Item =
                serde_dynamo::from_item(item).map_err(|error| Error::call("Scan")(error.into()))?;
            match item.status.as_deref() {
                Some("started") => count.started += 1,
                Some("stopped") => count.stopped += 1,
                // An inbox record of a handled event.
                _ => {}
            }
        }
        Ok(count)
    }
}

impl fmt::Display for Shipments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} started, {} stopped", self.started, self.stopped)
    }
}
