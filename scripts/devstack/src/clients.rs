//! The AWS clients of the local stack.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use stream_mapping_cli::DestinationClients;

use crate::{
    endpoint::LocalEndpoint,
    process_environment::{DUMMY_KEY, REGION},
};

/// AWS clients of a local endpoint. Their whole configuration is in [`Clients::new`]: no
/// environment variable and no file is read. Without TLS and proxy they can't reach AWS.
#[derive(Debug, Clone)]
pub struct Clients {
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// DynamoDB streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// EventBridge.
    pub eventbridge: aws_sdk_eventbridge::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Clients of on-failure destinations.
    pub destinations: DestinationClients,
}

impl Clients {
    /// Returns clients of the emulator at this endpoint.
    pub fn new(endpoint: LocalEndpoint) -> Self {
        let credentials = Credentials::new(DUMMY_KEY, DUMMY_KEY, None, None, "local stack");
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(10))
            .build();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint.to_string())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts)
            .build();
        Self {
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            eventbridge: aws_sdk_eventbridge::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            destinations: DestinationClients::new(&config),
        }
    }
}
