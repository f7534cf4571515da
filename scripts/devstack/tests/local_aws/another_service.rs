//! `make dev` of a service that was generated from the template: `make test-template`, which
//! generates it.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::{
    Dev, ForeignEndpoint, Log, assert_nothing_runs, devstack, devstack_of_make, free_address,
    interrupt, scripts, shown_by_console, text,
};

#[tokio::test]
#[ignore = "needs a generated service and the local AWS: make test-template"]
async fn make_dev_of_another_service_publishes_its_events() {
    let service = scripts().join("../target/service-template/help-desk");
    let foreign = ForeignEndpoint::open();
    let address = free_address();
    let dev = devstack(devstack_of_make(), address, &foreign)
        .arg("--service")
        .arg(&service)
        .arg("dev")
        // As check-service-template builds it, so that nothing is compiled twice.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .stdout(Stdio::piped())
        .spawn();
    let mut dev = Dev(dev.unwrap());
    let log = Log::of(&mut dev.0);
    let console = log.next_with("/?token=");
    let curl = log.next_with("/invocations");
    log.next_with("Ctrl-C");
    let shown = shown_by_console(console.trim()).await;
    assert!(shown.contains("/batches"), "{shown}");
    // It has no orders.
    assert!(!shown.contains("/try"), "{shown}");
    assert!(!shown.contains("Shipping"), "{shown}");

    let functions = curl.split_whitespace().find_map(|word| {
        let (functions, _) = word.split_once("/FUNCTION/")?;
        functions.starts_with("http").then_some(functions)
    });
    let url = format!("{}/change-ticket/invocations", functions.unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let command = json!({"create": {"id": "1", "title": "The first"}});
    let ticket = http.post(url).json(&command).send().await.unwrap();
    assert_eq!(ticket.status(), 200);
    log.next_with("TicketOpened of ticket#1 is on the bus");

    // Fails if anything needs attention.
    let status = Command::new("make")
        .args(["--no-print-directory", "-C"])
        .arg(&service)
        .args(["status", "ENV=local"])
        .output()
        .unwrap();
    let said = text(&status);
    assert!(status.status.success(), "{said}");
    assert!(said.contains("help-desk-local"), "{said}");
    assert!(said.contains("\nall is well\n"), "{said}");

    interrupt(&dev.0);
    assert_eq!(dev.0.wait().unwrap().code(), Some(130));
    assert!(!foreign.was_reached(), "a process used AWS_ENDPOINT_URL");
    assert_nothing_runs(address);
}
