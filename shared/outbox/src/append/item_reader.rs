//! Reads items of DynamoDB.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    error::SdkError,
    operation::get_item::GetItemError,
    types::AttributeValue,
};

#[cfg(feature = "testing")]
use crate::testing::GetItem;

/// The timeout of one attempt. A connection may have died while Lambda had frozen the function.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// The timeout of a read with its retries.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// What reads items.
#[derive(Debug, Clone)]
pub(super) enum ItemReader {
    DynamoDb(Client),
    #[cfg(feature = "testing")]
    Testing(std::sync::Arc<dyn GetItem>),
}

impl ItemReader {
    /// Returns the item with this key, by a consistent read.
    pub(super) async fn get(
        &self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<Option<HashMap<String, AttributeValue>>, SdkError<GetItemError>> {
        match self {
            Self::DynamoDb(client) => {
                let read = client
                    .get_item()
                    .table_name(table)
                    .set_key(Some(key))
                    .consistent_read(true)
                    .customize()
                    .config_override(timeouts())
                    .send();
                Ok(read.await?.item)
            }
            #[cfg(feature = "testing")]
            Self::Testing(database) => database.get_item(table, key).await,
        }
    }
}

fn timeouts() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(READ_TIMEOUT);
    Builder::new().timeout_config(timeouts.build())
}
