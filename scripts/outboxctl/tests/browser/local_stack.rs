//! The console of the stack of `make dev`: events that travel, wait, are repaired and replayed.

use std::{net::TcpStream, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    accessibility::assert_accessible,
    browser::{Browser, project},
    console::Console,
};

/// The stack may have to compile the functions.
const START: Duration = Duration::from_mins(10);

#[tokio::test]
#[ignore = "needs a browser and the local AWS: make test-browser"]
async fn events_are_seen_travelling_and_repaired() {
    let Some(browser) = Browser::start("the console of the local stack").await else {
        return;
    };
    let console = Console::start(devstack("dev"), START).await;
    let test = LocalStack { browser, console };
    test.nothing_has_happened().await;
    test.an_order_travels_to_its_shipment().await;
    test.events_wait_while_the_bus_is_broken().await;
    test.a_damaged_event_is_parked_edited_and_published().await;
    test.its_dead_letter_is_replayed().await;
    test.browser.stop().await;

    let endpoint = devstack("endpoint").output().unwrap().stdout;
    let endpoint = String::from_utf8(endpoint).unwrap();
    let aws = endpoint.trim().trim_start_matches("http://");
    assert!(TcpStream::connect(aws).is_ok(), "{endpoint}");
    drop(test.console);
    assert!(TcpStream::connect(aws).is_err(), "the local AWS stays");
}

/// Returns a command of the `devstack` that make runs.
fn devstack(command: &str) -> Command {
    let mut devstack = Command::new(project().join("target/lambda/local/devstack/bootstrap"));
    devstack.arg(command).current_dir(project());
    devstack
}

struct LocalStack {
    browser: Browser,
    console: Console,
}

impl LocalStack {
    async fn open(&self, path: &str) {
        self.browser.open(&self.console.page(path)).await;
    }

    /// Checks the page and writes pictures of it.
    async fn look(&self, name: &str) {
        assert_accessible(&self.browser).await;
        self.browser.screenshots(name).await;
    }

    async fn nothing_has_happened(&self) {
        self.browser.open(&self.console.address).await;
        self.browser.wait_for("#verdict", "All is well").await;
        self.browser.wait_for("#connection", "live").await;
        self.look("pipeline-empty").await;
        for (path, heading) in [
            ("/events", "Events"),
            ("/fix", "To fix"),
            ("/batches", "Batches"),
            ("/faults", "Faults"),
            ("/try", "Try"),
        ] {
            self.browser.click_page(path).await;
            self.browser.wait_for("h1", heading).await;
            let name = path.trim_start_matches('/');
            self.look(&format!("{name}-empty")).await;
        }
    }

    async fn an_order_travels_to_its_shipment(&self) {
        self.open("/").await;
        self.browser.click_in("#way-try", "Place an order").await;
        self.browser.wait_for("#try-result", "Placed 1 order").await;
        self.browser
            .click_in("#try-result", &self.browser.text("#try-result a").await)
            .await;
        // Without a reload: the page itself shows each step.
        self.browser
            .wait_for("#timeline", "Handled by shipping")
            .await;
        let timeline = self.browser.text("#timeline").await.to_lowercase();
        for step in [
            "committed",
            "read by the stream mapping",
            "accepted by the bus",
            "delivered",
        ] {
            assert!(timeline.contains(step), "{timeline}");
        }
        self.browser.wait_for("#event-state", "published").await;
        self.look("event-published").await;
        self.open("/").await;
        self.browser
            .wait_for("#stage-shipping", "1 shipments")
            .await;
        self.browser.wait_for("#stage-outbox", "0 pending").await;
    }

    async fn events_wait_while_the_bus_is_broken(&self) {
        self.open("/faults").await;
        self.browser.click("Add the fault").await;
        self.browser.wait_for("#faults", "PutEvents").await;
        self.look("faults").await;
        self.open("/try").await;
        self.browser.click("Place 10 orders").await;
        self.browser
            .wait_for("#try-result", "Placed 10 orders")
            .await;
        self.open("/").await;
        self.browser.wait_for("#stage-outbox", "10 pending").await;
        self.browser.wait_for("#verdict", "PutEvents").await;
        self.browser.wait_for("#stage-relay", "rejected").await;
        self.look("pipeline-broken").await;
        self.browser.click("See the batches").await;
        // What Lambda does next depends on the records of the batch.
        self.browser.wait_for("#batches", "partial failure").await;
        self.look("batches").await;

        self.open("/").await;
        self.browser.click("Clear the fault").await;
        self.browser.click("Clear all").await;
        self.browser
            .wait_for("#faults", "No fault is in force")
            .await;
        self.open("/").await;
        self.browser.wait_for("#stage-outbox", "0 pending").await;
        self.browser
            .wait_for("#stage-shipping", "11 shipments")
            .await;
        self.browser.wait_for("#verdict", "All is well").await;
        self.look("pipeline-healthy").await;
    }

    async fn a_damaged_event_is_parked_edited_and_published(&self) {
        self.open("/try").await;
        self.browser.click("Damage an event").await;
        // Otherwise the answer to the click could replace the next page.
        self.browser
            .wait_for("#try-result", "Committed a damaged event")
            .await;
        self.open("/fix").await;
        self.browser.wait_for("#parked", "MalformedDetail").await;
        self.look("fix-local").await;
        self.browser.click_in("#parked", "See the row").await;
        let row = self.browser.text("tbody a").await;
        self.browser.click_in("tbody", &row).await;
        self.browser.wait_for("#event-state", "parked").await;
        self.look("event-parked").await;

        self.browser.click("Edit").await;
        self.browser.fill_in("#detail", "{").await;
        self.browser.click("See the difference").await;
        self.browser.wait_for("#detail-error", "JSON").await;
        self.look("event-edit").await;
        // Without the right id it is rejected, and the page says which one is right.
        self.browser.fill_in("#detail", &repaired(&row, "")).await;
        self.browser.click("See the difference").await;
        let error = self.browser.wait_for("#detail-error", "must stay").await;
        let id = error.split("must stay \"").nth(1).unwrap();
        let event = repaired(&row, id.split('"').next().unwrap());
        self.browser.fill_in("#detail", &event).await;
        self.browser.click("See the difference").await;
        self.browser.wait_for(".diff", "teapot").await;
        self.look("event-edit-diff").await;
        self.browser.click("Publish").await;
        self.browser.wait_for("#task", "1 row published").await;
        self.look("edit-result").await;
        self.open("/").await;
        self.browser
            .wait_for("#stage-shipping", "12 shipments")
            .await;
    }

    /// Returns the whole event of a row whose event is cut off. Its id can't be edited.
    async fn its_dead_letter_is_replayed(&self) {
        self.open("/fix").await;
        self.browser.wait_for("#letters", "MalformedDetail").await;
        self.browser.click_in("#letters", "Dry run").await;
        self.browser
            .wait_for("main", "Nothing was changed yet")
            .await;
        self.look("replay-dry-run").await;
        self.browser.click("Replay 1 letter").await;
        self.browser.wait_for("#task table", "").await;
        self.look("replay-result").await;
        self.open("/fix").await;
        self.browser.wait_for("main", "Nothing to fix").await;
        self.open("/").await;
        self.browser.wait_for("#verdict", "All is well").await;
    }
}

/// Returns the event of a damaged row as it should be.
fn repaired(row: &str, id: &str) -> String {
    let (aggregate_id, _) = row.rsplit_once('/').unwrap();
    let event: Value = json!({
        "specversion": "1.0", "id": id, "source": "orders", "type": "OrderCreated",
        "subject": aggregate_id, "time": "2026-11-27T00:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:event-schema:orders:OrderCreated:1",
        "sequence": "00000000000000000001",
        "data": {
            "orderId": aggregate_id.trim_start_matches("order#"), "customerId": "customer-7",
            "items": [{"productId": "teapot", "quantity": 1, "unitPrice": 1950}],
            "total": {"amount": 1950, "currency": "EUR"}, "createdAt": "2026-11-27T00:00:00Z",
        },
    });
    event.to_string()
}
