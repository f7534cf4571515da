//! The parts of a deployed outbox, with clients for each.

use aws_config::SdkConfig;
use outbox::{
    aws::{DynamoDbStreams, DynamoDbTable, EventBridgeBus, SqsQueue},
    relay::Relay,
    replay::Replay,
};

use crate::{
    call_failure::call_failed, deployment::Deployment, error::Error, receive_counts::ReceiveCounts,
};

/// A relay like the functions' one, with the operator's permissions.
pub(crate) type OperatorRelay = Relay<EventBridgeBus, DynamoDbTable, SqsQueue>;

/// A replay of the dead-letter queue, with the same permissions.
pub(crate) type OperatorReplay =
    Replay<EventBridgeBus, DynamoDbTable, SqsQueue, DynamoDbStreams, SqsQueue>;

/// Creates the parts of a deployed outbox.
pub(crate) struct OutboxParts {
    config: SdkConfig,
    deployment: Deployment,
    /// How often the letters were received that these parts have received.
    pub(crate) receive_counts: ReceiveCounts,
}

impl OutboxParts {
    pub(crate) fn new(config: &SdkConfig, deployment: &Deployment) -> Self {
        Self {
            config: config.clone(),
            deployment: deployment.clone(),
            receive_counts: ReceiveCounts::default(),
        }
    }

    /// Returns the outbox table.
    pub(crate) fn table(&self) -> DynamoDbTable {
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        DynamoDbTable::new(client, &self.deployment.outbox_table)
    }

    /// Returns the dead-letter queue.
    pub(crate) fn queue(&self) -> SqsQueue {
        let config = aws_sdk_sqs::config::Builder::from(&self.config);
        let config = config.interceptor(self.receive_counts.clone()).build();
        let client = aws_sdk_sqs::Client::from_conf(config);
        SqsQueue::new(client, &self.deployment.dead_letter_queue_url)
    }

    /// Returns a relay from the table to the bus.
    pub(crate) fn relay(&self) -> OperatorRelay {
        let client = aws_sdk_eventbridge::Client::new(&self.config);
        let bus = EventBridgeBus::new(client, &self.deployment.event_bus);
        let relay = Relay::new(bus, self.table(), self.queue()).with_order(self.deployment.order);
        match &self.deployment.event_sources {
            Some(sources) => relay.with_sources(sources),
            None => relay,
        }
    }

    /// Returns a replay of the dead-letter queue.
    ///
    /// # Errors
    ///
    /// If the table can't be described.
    pub(crate) async fn replay(&self) -> Result<OperatorReplay, Error> {
        let table = &self.deployment.outbox_table;
        let described = aws_sdk_dynamodb::Client::new(&self.config)
            .describe_table()
            .table_name(table)
            .send()
            .await
            .map_err(call_failed(format!("DescribeTable {table}")))?;
        let arn = described.table.and_then(|table| table.table_arn);
        let arn = arn.ok_or_else(|| Error::Aws(format!("DescribeTable {table}: no ARN")))?;
        let streams = DynamoDbStreams::new(aws_sdk_dynamodbstreams::Client::new(&self.config));
        Ok(Replay::new(self.relay(), streams, self.queue(), arn))
    }
}
