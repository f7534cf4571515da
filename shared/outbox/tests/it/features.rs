//! The dependencies of each feature.

use std::process::Command;

/// The SDKs of AWS's services that a build with this feature depends on.
fn services(feature: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "outbox",
            "--edges",
            "normal",
        ])
        .args(["--no-default-features", "--features", feature])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8(tree.stdout).unwrap();
    assert!(said.starts_with("outbox "), "{said}");
    let crates = said.lines().filter_map(|line| line.split(' ').next());
    let services = crates.filter_map(|name| name.strip_prefix("aws-sdk-"));
    let mut services: Vec<String> = services.map(str::to_owned).collect();
    services.sort();
    services.dedup();
    services
}

#[test]
fn a_feature_pulls_in_the_services_it_uses_and_no_other() {
    let relay = ["dynamodb", "eventbridge", "sqs"];
    assert_eq!(services(""), [] as [&str; 0]);
    assert_eq!(services("append"), ["dynamodb"]);
    assert_eq!(services("inbox"), ["dynamodb"]);
    assert_eq!(services("claim-check"), ["dynamodb", "s3"]);
    assert_eq!(services("relay"), relay);
    assert_eq!(services("opentelemetry"), [] as [&str; 0]);
    assert_eq!(
        services("replay"),
        ["dynamodb", "dynamodbstreams", "eventbridge", "sqs"]
    );
}
