//! A hundred thousand pending rows.

use std::{collections::HashMap, fs};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures::{StreamExt, stream};

use crate::{
    browser::Browser,
    console_of,
    stub::{Said, StubAws, detail, first, row},
};

const ROWS: usize = 100_000;
const FIRST_PAINT_MILLISECONDS: f64 = 2_000.0;
const PAGE_MEGABYTES: u64 = 150;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: make test-browser"]
async fn a_hundred_thousand_pending_rows_do_not_slow_the_page() {
    let Some(browser) = Browser::start("100,000 pending rows").await else {
        return;
    };
    let aws = StubAws::start(Said::default()).await;
    write_rows(&aws).await;
    let console = console_of(&aws).await;
    browser.open(&console.address).await;
    browser.wait_for("#stage-outbox", "pending").await;
    for path in ["/", "/events", "/fix"] {
        browser.open(&console.page(path)).await;
        let paint = browser.first_paint().await;
        let megabytes = page_megabytes(&browser);
        println!("{path}: first paint after {paint:.0} ms, {megabytes:?} MB");
        assert!(paint < FIRST_PAINT_MILLISECONDS, "{path}: {paint} ms");
        assert!(megabytes.is_none_or(|megabytes| megabytes < PAGE_MEGABYTES));
    }
    browser.open(&console.page("/events")).await;
    assert_eq!(browser.count("tbody tr").await, 50);
    let first_page = browser.text("tbody").await;
    browser.screenshots("events-100000").await;
    browser.click("More").await;
    browser
        .wait_until("tbody", "the next page", |text| text != first_page)
        .await;
    assert_eq!(browser.count("tbody tr").await, 50);
    browser.stop().await;
}

async fn write_rows(aws: &StubAws) {
    let rows: Vec<WriteRequest> = (0..ROWS).map(write_request).collect();
    let writes = rows.chunks(25).map(|rows| {
        let write = aws.database.batch_write_item();
        write.request_items("outbox", rows.to_vec()).send()
    });
    let writes: Vec<_> = writes.collect();
    let mut written = stream::iter(writes).buffer_unordered(4);
    while let Some(written) = written.next().await {
        written.unwrap();
    }
}

fn write_request(number: usize) -> WriteRequest {
    let aggregate_id = format!("order#{number:06}");
    let data = serde_json::json!({"number": number});
    let event = detail(&aggregate_id, "OrderCreated", &data);
    let item = row(&first(&aggregate_id), "OrderCreated", &event, None);
    let item: serde_dynamo::Item = serde_json::from_value(item).unwrap();
    let item: HashMap<String, AttributeValue> = item.into();
    let put = PutRequest::builder().set_item(Some(item)).build();
    WriteRequest::builder().put_request(put.unwrap()).build()
}

/// Returns the memory that belongs to the page's process alone; `None` if this isn't Linux.
fn page_megabytes(browser: &Browser) -> Option<u64> {
    let statuses = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let is_page = command.contains("--type=renderer") && is_child(&entry.path(), browser);
        is_page.then(|| fs::read_to_string(entry.path().join("status")).ok())?
    });
    let kilobytes = statuses.filter_map(|status| field(&status, "RssAnon:"));
    kilobytes.max().map(|kilobytes| kilobytes / 1024)
}

/// Returns whether a process was started by this browser, directly or not.
fn is_child(process: &std::path::Path, browser: &Browser) -> bool {
    let mut process = process.to_owned();
    while let Some(parent) = fs::read_to_string(process.join("status"))
        .ok()
        .and_then(|status| field(&status, "PPid:"))
        .filter(|parent| *parent > 1)
    {
        if parent == u64::from(browser.process()) {
            return true;
        }
        process = format!("/proc/{parent}").into();
    }
    false
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
