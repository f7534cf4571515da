//! How AWS is reached: Region, credentials, endpoints.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::config::ProvideCredentials;
use miette::Diagnostic;
use stream_mapping::StreamArn;
use thiserror::Error;

use stream_mapping_driver::reason;

/// What is missing to call anything.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum Missing {
    #[error("there is no Region: neither AWS_REGION nor the profile has one")]
    #[diagnostic(help("the stream's is {0}: export AWS_REGION={0}"))]
    Region(String),
    #[error("there are no credentials: {0}")]
    #[diagnostic(help(
        "export AWS_PROFILE=..., or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which an emulator \
         takes with any value"
    ))]
    Credentials(String),
}

/// Loads the configuration, and makes sure that calls can be made with it.
///
/// # Errors
///
/// If there is no Region, or there are no credentials.
pub(crate) async fn load(stream_arn: &StreamArn) -> Result<SdkConfig, Missing> {
    // A connection that has died is noticed; functions have a timeout of their own.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await;
    if config.region().is_none() {
        return Err(Missing::Region(stream_arn.region().to_owned()));
    }
    let no_credentials = Missing::Credentials;
    let provider = config
        .credentials_provider()
        .ok_or_else(|| no_credentials("no provider is configured".to_owned()))?;
    if let Err(error) = provider.provide_credentials().await {
        return Err(no_credentials(reason(&error)));
    }
    Ok(config)
}
