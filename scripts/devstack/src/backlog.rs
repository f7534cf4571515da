//! What is left in the outbox of the local stack.

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use aws_sdk_sqs::types::QueueAttributeName;

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// The events that are not on the bus yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Rows of the outbox.
    pub(crate) pending: usize,
    /// Messages in its dead-letter queue.
    pub(crate) dead_letters: usize,
}

impl Backlog {
    pub(crate) async fn count(clients: &Clients, deployment: &Deployment) -> Result<Self, Error> {
        Ok(Self {
            pending: pending(clients, deployment).await?,
            dead_letters: dead_letters(clients, deployment).await?,
        })
    }
}

/// Counts the rows of the outbox, one for each pending event: not the records of edits.
pub(crate) async fn pending(clients: &Clients, deployment: &Deployment) -> Result<usize, Error> {
    let mut pages = clients
        .dynamodb
        .scan()
        .table_name(&deployment.outbox_table)
        .consistent_read(true)
        .filter_expression("NOT begins_with(aggregateId, :discarded)")
        .expression_attribute_values(":discarded", AttributeValue::S("discarded#".to_owned()))
        .select(Select::Count)
        .into_paginator()
        .send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::call("Scan")(error.into()))?;
        count += usize::try_from(page.count()).unwrap_or_default();
    }
    Ok(count)
}

async fn dead_letters(clients: &Clients, deployment: &Deployment) -> Result<usize, Error> {
    let depth = QueueAttributeName::ApproximateNumberOfMessages;
    let attributes = clients
        .sqs
        .get_queue_attributes()
        .queue_url(&deployment.dead_letter_queue_url)
        .attribute_names(depth.clone())
        .send()
        .await
        .map_err(|error| Error::call("GetQueueAttributes")(error.into()))?
        .attributes
        .unwrap_or_default();
    let depth = attributes.get(&depth).and_then(|depth| depth.parse().ok());
    depth.ok_or(Error::NoOutput("ApproximateNumberOfMessages"))
}
