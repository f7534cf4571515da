use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::TransactWriteItem,
};

#[cfg(feature = "simulation")]
use crate::simulation::Transact;

/// How long DynamoDB may take to answer. A connection that died while a function
/// was frozen would otherwise hang until Lambda ends it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What carries transactions out.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    DynamoDb(Client),
    #[cfg(feature = "simulation")]
    Simulated(std::sync::Arc<dyn Transact>),
}

impl Database {
    /// Reached by this client, which makes one attempt a call: the SDK's own retries
    /// would hide that one remained without an answer.
    #[expect(clippy::needless_pass_by_value, reason = "it takes the client's place")]
    pub(crate) fn reached_by(client: Client) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(ANSWER_TIMEOUT);
        let config = client
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build());
        Self::DynamoDb(Client::from_conf(config.build()))
    }

    /// Tries once.
    pub(super) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: String,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        match self {
            Self::DynamoDb(client) => {
                let transaction = client
                    .transact_write_items()
                    .set_transact_items(Some(items))
                    .client_request_token(token);
                // Boxed: the SDK's futures are large, and nest deeper than compilers follow.
                Box::pin(transaction.send()).await.map(drop)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(database) => database.transact(items, token).await,
        }
    }
}
