use aws_config::SdkConfig;
use outbox::{aws::{DynamoDbStreams, DynamoDbTable, EventBridgeBus, SqsQueue}, relay::Relay, replay::Replay};

use crate::{call_failure::call_failed, deployment::Deployment, error::Error};

/// The relay of an operator: the same as the functions', with the operator's
/// rights.
pub(crate) type OperatorRelay = Relay<EventBridgeBus, DynamoDbTable, SqsQueue>;

/// The parts of a deployed outbox.
pub(crate) struct OutboxParts<'d> {
    config: &'d SdkConfig,
    deployment: &'d Deployment,
}

impl<'d> OutboxParts<'d> {
    pub(crate) fn new(config: &'d SdkConfig, deployment: &'d Deployment) -> Self {
        Self { config, deployment }
    }

    pub(crate) fn table(&self) -> DynamoDbTable {
        let client = aws_sdk_dynamodb::Client::new(self.config);
        DynamoDbTable::new(client, &self.deployment.outbox_table)
    }

    pub(crate) fn queue(&self) -> SqsQueue {
        let client = aws_sdk_sqs::Client::new(self.config);
        SqsQueue::new(client, &self.deployment.dead_letter_queue_url)
    }

    pub(crate) fn relay(&self) -> OperatorRelay {
        let client = aws_sdk_eventbridge::Client::new(self.config);
        let bus = EventBridgeBus::new(client, &self.deployment.event_bus);
        Relay::new(bus, self.table(), self.queue())
    }

    pub(crate) async fn replay(
        &self,
    ) -> Result<Replay<EventBridgeBus, DynamoDbTable, SqsQueue, DynamoDbStreams, SqsQueue>, Error>
    {
        let table = &self.deployment.outbox_table;
        let described = aws_sdk_dynamodb::Client::new(self.config)
            .describe_table()
            .table_name(table)
            .send()
            .await
            .map_err(call_failed(format!("DescribeTable {table}")))?;
        let arn = described.table.and_then(|table| table.table_arn);
        let arn = arn.ok_or_else(|| Error::Aws(format!("DescribeTable {table}: no ARN")))?;
        let streams = DynamoDbStreams::new(aws_sdk_dynamodbstreams::Client::new(self.config));
        Ok(Replay::new(self.relay(), streams, self.queue(), arn))
    }
}
