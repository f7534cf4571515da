use aws_config::SdkConfig;

use crate::{call_failure::call_failed, error::Error};

/// Whose outbox it is, and who looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The account's number.
    pub(crate) id: String,
    /// Who asks: the ARN of a user or an assumed role.
    pub(crate) caller: String,
    pub(crate) region: String,
}

impl Account {
    /// Asks AWS.
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
