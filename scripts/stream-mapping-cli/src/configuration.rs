//! The configuration of AWS clients: Region, credentials, endpoints.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::config::ProvideCredentials;
use miette::Diagnostic;
use stream_mapping::StreamArn;
use thiserror::Error;

use stream_mapping_cli::reason;

/// Why no calls can be made.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum ConfigurationError {
    #[error("no Region is set: neither AWS_REGION nor the profile has one")]
    #[diagnostic(help("the stream's is {0}: export AWS_REGION={0}"))]
    Region(String),
    #[error("there are no credentials: {0}")]
    #[diagnostic(help(
        "export AWS_PROFILE=..., or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which an emulator \
         accepts with any value"
    ))]
    Credentials(String),
}

/// Loads the configuration and checks that it has a Region and credentials.
///
/// # Errors
///
/// If there is no Region, or there are no credentials.
pub(crate) async fn load(stream_arn: &StreamArn) -> Result<SdkConfig, ConfigurationError> {
    // So that a dead connection is noticed. Invocations have a timeout of their own.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await;
    if config.region().is_none() {
        return Err(ConfigurationError::Region(stream_arn.region().to_owned()));
    }
    let no_credentials = ConfigurationError::Credentials;
    let provider = config
        .credentials_provider()
        .ok_or_else(|| no_credentials("no provider is configured".to_owned()))?;
    if let Err(error) = provider.provide_credentials().await {
        return Err(no_credentials(reason(&error)));
    }
    Ok(config)
}
