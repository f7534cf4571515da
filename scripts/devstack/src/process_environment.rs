//! The environment of the local stack's processes.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
};

use crate::endpoint::LocalEndpoint;

/// The Region of the local stack.
pub(crate) const REGION: &str = "eu-central-1";

/// The access key of the local account, and its secret.
pub(crate) const DUMMY_KEY: &str = "test";

/// The variables that child processes inherit: paths of programs and files, and settings of
/// the terminal.
const INHERITED: [&str; 8] = [
    "PATH", "HOME", "TMPDIR", "TERM", "LANG", "LC_ALL", "NO_COLOR", "CI",
];

/// Returns the whole environment of a process of the local stack.
///
/// It contains only known variables, so that no profile, key, endpoint or proxy of the
/// user can lead to a real account. Configuration files and the metadata service are
/// disabled, too.
pub fn process_environment(
    ours: impl IntoIterator<Item = (OsString, OsString)>,
    endpoint: LocalEndpoint,
) -> Vec<(OsString, OsString)> {
    ours.into_iter()
        .filter(|(name, _)| INHERITED.iter().any(|inherited| name == inherited))
        .chain(local(&endpoint.to_string()))
        .collect()
}

/// Returns the environment of a build: ours, so that it reuses the builds of `make` and
/// reaches registries through the configured proxies and mirrors, but without anything that
/// leads to an AWS account.
pub(crate) fn build_environment(
    ours: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    ours.into_iter()
        .filter(|(name, _)| !is_of_aws(&name.to_string_lossy()))
        .chain(local(&format!("http://{NOWHERE}")))
        .collect()
}

/// The port "discard", where nothing listens.
pub(crate) const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

fn is_of_aws(name: &str) -> bool {
    ["AWS_", "AMAZON_", "CDK_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Returns the variables that lead to the AWS at this address, and to no other.
fn local(endpoint: &str) -> Vec<(OsString, OsString)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", DUMMY_KEY),
        ("AWS_SECRET_ACCESS_KEY", DUMMY_KEY),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("CDK_DISABLE_CLI_TELEMETRY", "1"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_proxies_and_no_account() {
        let ours = [
            ("HTTPS_PROXY", "http://proxy.example"),
            ("CARGO_TARGET_DIR", "/project/target"),
            ("AWS_PROFILE", "production"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "https://192.0.2.1"),
            ("CDK_DEFAULT_ACCOUNT", "123456789012"),
        ];
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = build_environment(ours);
        let value = |name: &str| {
            let found = environment.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(
            value("HTTPS_PROXY").as_deref(),
            Some("http://proxy.example")
        );
        assert_eq!(
            value("CARGO_TARGET_DIR").as_deref(),
            Some("/project/target")
        );
        assert_eq!(
            value("AWS_ENDPOINT_URL").as_deref(),
            Some("http://127.0.0.1:9")
        );
        for gone in [
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_ENDPOINT_URL_DYNAMODB",
            "CDK_DEFAULT_ACCOUNT",
        ] {
            assert_eq!(value(gone), None, "{gone}");
        }
    }

    #[test]
    fn nothing_that_leads_to_a_real_account_is_inherited() {
        let ours = [
            ("PATH", "/usr/bin"),
            ("AWS_PROFILE", "production"),
            (
                "AWS_ENDPOINT_URL",
                "https://dynamodb.eu-west-1.amazonaws.com",
            ),
            ("AWS_ENDPOINT_URL_DYNAMODB", "https://192.0.2.1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            (
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1"),
            ("CDK_DEFAULT_ACCOUNT", "123456789012"),
            ("HTTP_PROXY", "http://192.0.2.1"),
        ];
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let endpoint = LocalEndpoint::new(([127, 0, 0, 1], 4566).into()).unwrap();
        let mut environment: Vec<String> = process_environment(ours, endpoint)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        environment.sort();
        assert_eq!(
            environment,
            [
                "AWS_ACCESS_KEY_ID=test",
                "AWS_CONFIG_FILE=/dev/null",
                "AWS_DEFAULT_REGION=eu-central-1",
                "AWS_EC2_METADATA_DISABLED=true",
                "AWS_ENDPOINT_URL=http://127.0.0.1:4566",
                "AWS_REGION=eu-central-1",
                "AWS_SECRET_ACCESS_KEY=test",
                "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
                "CDK_DISABLE_CLI_TELEMETRY=1",
                "PATH=/usr/bin",
            ]
        );
    }
}
