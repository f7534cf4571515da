//! The configuration of the AWS clients.

use std::{net::IpAddr, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

use crate::{arguments::Arguments, environment::Environment, error::Error};

/// The Region of the local AWS.
const LOCAL_REGION: &str = "eu-central-1";

/// Returns how AWS is reached.
///
/// # Errors
///
/// If nothing names a Region; or, for the local environment, if `AWS_ENDPOINT_URL` is not an
/// address of this machine, or a profile or a Region is given.
pub(crate) async fn sdk_config(arguments: &Arguments) -> Result<SdkConfig, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build();
    if arguments.env == Some(Environment::Local) {
        if arguments.profile.is_some() || arguments.region.is_some() {
            return Err(Error::NoAccount);
        }
        return local(timeouts);
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(profile) = &arguments.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &arguments.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    let region = config.region().cloned().ok_or(Error::NoRegion)?;
    Ok(match &arguments.profile {
        // Otherwise keys in the environment would be preferred: the typed profile is meant.
        Some(profile) => config
            .into_builder()
            .credentials_provider(of_profile(profile, region))
            .build(),
        None => config,
    })
}

/// Returns the credentials of a profile. If it names a role, the role is assumed in this Region.
fn of_profile(profile: &str, region: Region) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region().with_region(Some(region));
    let credentials = ProfileFileCredentialsProvider::builder().configure(&config);
    SharedCredentialsProvider::new(credentials.profile_name(profile).build())
}

/// Returns the configuration for the local AWS. Only the endpoint comes from the
/// environment: without profile, keys, proxy and TLS, no real account can be reached.
fn local(timeouts: TimeoutConfig) -> Result<SdkConfig, Error> {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").map_err(|_| not_local("not set"))?;
    if !is_loopback(&endpoint) {
        return Err(not_local(&endpoint));
    }
    let credentials = Credentials::new("test", "test", None, None, "local");
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(LOCAL_REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts)
        .build())
}

fn not_local(endpoint: &str) -> Error {
    Error::NotLocal(endpoint.to_owned())
}

fn is_loopback(endpoint: &str) -> bool {
    let Some(authority) = endpoint.strip_prefix("http://") else {
        return false;
    };
    let authority = authority.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_local() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4566", true),
            ("http://127.0.0.1:4566/", true),
            ("http://[::1]:4566", true),
            ("http://localhost:4566", false),
            ("http://127.0.0.1.example.com", false),
            ("http://user@127.0.0.1", false),
            ("https://dynamodb.eu-central-1.amazonaws.com", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(endpoint), expected, "{endpoint}");
        }
    }
}
