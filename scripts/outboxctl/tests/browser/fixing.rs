//! An operator fixes parked rows of a stack that isn't known to be for development.

use serde_json::json;

use crate::{
    accessibility::assert_accessible,
    browser::Browser,
    console_of,
    stub::{Said, StubAws, detail, first, row},
};

#[tokio::test]
#[ignore = "needs a browser: make test-browser"]
async fn a_group_is_published_after_a_dry_run_and_a_confirmation() {
    let Some(browser) = Browser::start("a group").await else {
        return;
    };
    let aws = StubAws::start(Said {
        accepts_events: true,
        ..Said::default()
    })
    .await;
    let keys = ["order#1", "order#2", "order#3"].map(first);
    for key in &keys {
        let event = detail(&key.aggregate_id, "OrderCreated", &json!({}));
        aws.put(row(
            key,
            "OrderCreated",
            &event,
            Some("RequestRefused: the quota"),
        ))
        .await;
    }
    let console = console_of(&aws).await;
    browser.open(&console.address).await;
    browser.wait_for("#way-parked", "3").await;
    browser.wait_for("#tally", "3").await;
    assert_accessible(&browser).await;
    browser.screenshots("pipeline-parked").await;

    browser.click_page("/fix").await;
    browser.wait_for("#parked", "RequestRefused").await;
    assert_accessible(&browser).await;
    browser.screenshots("fix").await;
    browser.click_in("#parked", "RequestRefused").await;
    browser.wait_for("table", "order#1/1").await;
    assert_accessible(&browser).await;
    browser.screenshots("group").await;

    browser.click("Dry run").await;
    browser.wait_for("main", "would publish 3 rows").await;
    let command = browser.text("code").await;
    assert!(
        command.contains("outboxctl --stack mine unpark --group RequestRefused --until"),
        "{command}"
    );
    assert_accessible(&browser).await;
    browser.screenshots("group-dry-run").await;
    assert!(aws.attribute(&keys[0], "parked").await.is_some());

    browser.fill_in("#stack", "other").await;
    browser.click("Publish 3 rows").await;
    browser.wait_for("main", "nothing was changed").await;
    assert!(aws.attribute(&keys[0], "parked").await.is_some());
    browser.open(&console.page("/fix")).await;
    browser.click_in("#parked", "RequestRefused").await;
    browser.click("Dry run").await;
    browser.fill_in("#stack", "mine").await;
    browser.click("Publish 3 rows").await;
    let result = browser.wait_for("#task", "3 of 3 rows published").await;
    for key in &keys {
        assert!(
            result.contains(&format!("{}/1", key.aggregate_id)),
            "{result}"
        );
    }
    assert_accessible(&browser).await;
    browser.screenshots("group-result").await;
    for key in &keys {
        assert!(aws.attribute(key, "position").await.is_none());
    }
    browser.stop().await;
}
