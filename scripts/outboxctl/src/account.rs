//! The AWS account that holds the outbox.

use aws_config::SdkConfig;

use crate::{call_failure::call_failed, error::Error};

/// The account and Region of an outbox, and who calls AWS.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The account's 12-digit number.
    pub(crate) id: String,
    /// The ARN of the user or assumed role that calls AWS.
    pub(crate) caller: String,
    pub(crate) region: String,
}

impl Account {
    /// Returns the account of these credentials.
    ///
    /// # Errors
    ///
    /// If `GetCallerIdentity` fails.
    pub(crate) async fn of(config: &SdkConfig) -> Result<Self, Error> {
        let identity = aws_sdk_sts::Client::new(config)
            .get_caller_identity()
            .send()
            .await
            .map_err(call_failed("GetCallerIdentity"))?;
        let region = config.region().map(ToString::to_string);
        Ok(Self {
            id: identity.account.unwrap_or_default(),
            caller: identity.arn.unwrap_or_default(),
            region: region.unwrap_or_default(),
        })
    }
}
