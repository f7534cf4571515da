//! Sends transactions to DynamoDB.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::TransactWriteItem,
};

#[cfg(feature = "testing")]
use crate::testing::Transact;

/// The timeout of a request. A connection that broke while the function was frozen would
/// otherwise hang until the function times out.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What executes transactions.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    DynamoDb(Client),
    #[cfg(feature = "testing")]
    Testing(std::sync::Arc<dyn Transact>),
}

impl Database {
    /// Sends a transaction once.
    pub(super) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: String,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        match self {
            Self::DynamoDb(client) => client
                .transact_write_items()
                .set_transact_items(Some(items))
                .client_request_token(token)
                .customize()
                .config_override(one_attempt())
                .send()
                .await
                .map(drop),
            #[cfg(feature = "testing")]
            Self::Testing(database) => database.transact(items, token).await,
        }
    }
}

/// Switches off the SDK's retries, which would hide that an attempt got no response.
fn one_attempt() -> Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(ANSWER_TIMEOUT);
    Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
}
