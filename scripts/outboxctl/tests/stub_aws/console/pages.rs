//! What the pages contain: text of rows is only text, and large tables don't slow them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::json;

use super::browser::{Browser, encoded};
use crate::{
    published::AT_ONCE,
    stub::{Said, StubAws, detail, first, row},
};

const HOSTILE: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'\u{202e}\u{1b}[2J";

fn check(path: &str, page: &str) {
    for text in ["<script>alert", "<img", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(text), "{path} contains {text:?}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_text_on_every_page() {
    let aws = StubAws::start(Said {
        text: HOSTILE.to_owned(),
        letters: vec![HOSTILE.to_owned()],
        ..Said::default()
    })
    .await;
    let key = first(HOSTILE);
    let detail = detail(HOSTILE, HOSTILE, &json!({"note": HOSTILE}));
    let parked = row(
        &key,
        HOSTILE,
        &detail,
        Some(&format!("{HOSTILE}: {HOSTILE}")),
    );
    aws.put(parked).await;
    let browser = Browser::open(&aws).await;
    let name = encoded(&key.to_string());
    for path in [
        "/".to_owned(),
        "/events".to_owned(),
        format!("/events?aggregate={}", encoded(HOSTILE)),
        format!(
            "/events?type={0}&event={0}&trace={0}&state=parked",
            encoded(HOSTILE)
        ),
        format!("/events/{name}"),
        format!("/events/{name}?event={}", encoded(HOSTILE)),
        format!("/events/{}", encoded(&format!("{HOSTILE}/2"))),
        "/fix".to_owned(),
        format!("/fix/parked/{}", encoded(HOSTILE)),
        format!(
            "/fix/parked/{}?after_aggregate=a&after_position=b",
            encoded(HOSTILE)
        ),
        "/fix/letters/NotADeadLetter".to_owned(),
    ] {
        aws.all_letters_are_visible();
        check(&path, &browser.page(&path).await);
    }
    let code = encoded(HOSTILE);
    let path = format!("/fix/parked/{code}/discard?reason={code}");
    check(&path, &browser.page(&path).await.replace("&#x202e;", ""));
    // Texts in the fields of the editor stay as they are, but none ends the field.
    let path = format!("/events/{name}/edit");
    let page = browser.page(&path).await;
    assert!(
        !page.contains("<script>alert") && !page.contains('\u{202e}'),
        "{page}"
    );
    assert!(page.contains("&#x202e;"), "{page}");
    for (path, form) in [
        (format!("/events/{name}/unpark"), vec![]),
        (format!("/events/{name}/discard"), vec![("reason", HOSTILE)]),
        (format!("/events/{name}/edit"), vec![("detail", HOSTILE)]),
        (
            format!("/fix/letters/{}/replay", encoded(HOSTILE)),
            vec![("until", HOSTILE)],
        ),
    ] {
        let page = browser.post(&path, &form).await.text().await.unwrap();
        check(&path, &page.replace("&#x202e;", ""));
    }
}

/// Writes so many pending rows, each of its own aggregate.
async fn put_many(aws: &StubAws, rows: usize) {
    let numbers: Vec<usize> = (0..rows).collect();
    for numbers in numbers.chunks(25) {
        let requests = numbers.iter().map(|number| {
            let aggregate = format!("order#{number:06}");
            let detail = detail(&aggregate, "OrderCreated", &json!({}));
            let item = row(&first(&aggregate), "OrderCreated", &detail, None);
            let item: serde_dynamo::Item = serde_json::from_value(item).unwrap();
            let item: HashMap<String, AttributeValue> = item.into();
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let write = aws.database.batch_write_item();
        let write = write.request_items("outbox", requests.collect());
        write.send().await.unwrap();
    }
}

fn rows_of(page: &str) -> Vec<String> {
    let links = page.split("<a class=\"id\" href=\"/events/").skip(1);
    let names = links.filter_map(|rest| Some(rest.split_once("\">")?.1.split_once('<')?.0));
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_shown_in_pages_of_50() {
    let aws = StubAws::start(Said::default()).await;
    put_many(&aws, 1_000).await;
    let browser = Browser::open(&aws).await;
    let mut seen = std::collections::BTreeSet::new();
    let mut path = "/events".to_owned();
    for number in 1.. {
        let begin = Instant::now();
        let page = browser.page(&path).await;
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{:?}",
            begin.elapsed()
        );
        let rows = rows_of(&page);
        assert!(rows.len() <= 50, "{}", rows.len());
        seen.extend(rows);
        let Some((before, _)) = page.split_once("\">More</a>") else {
            break;
        };
        let (_, more) = before.rsplit_once("href=\"").unwrap();
        path = more.replace("&#38;", "&").replace("&amp;", "&");
        assert!(number <= 21, "the pages don't end: {path}");
    }
    assert_eq!(seen.len(), 1_000);
    let pipeline = browser.page("/").await;
    assert!(pipeline.contains("1000</b>"), "{pipeline}");
    let one = browser.page("/events?aggregate=order%23000777").await;
    assert_eq!(rows_of(&one), ["order#000777/1"]);
    let none = browser
        .page("/events?aggregate=order%23000777&state=parked")
        .await;
    assert!(none.contains("No event matches"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said() {
    let aws = StubAws::start(Said::default()).await;
    let browser = Browser::open(&aws).await;
    let page = browser.page("/").await;
    // The stub knows no metrics.
    assert!(page.contains("A part can&#39;t be read"), "{page}");
    assert!(page.contains("GetMetricData failed"), "{page}");
    assert!(page.contains("not known"), "{page}");
    let missing = browser.get("/events/a%2F1/edit").await;
    assert_eq!(missing.status(), 404);
    let nothing = browser.page("/events/a%2F1").await;
    assert!(nothing.contains("It is not in the outbox"), "{nothing}");
    assert!(nothing.contains("Attempts are not known"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_tells_what_was_published_at_once_from_the_stream() {
    for (metrics, at_once) in [(AT_ONCE.to_vec(), true), (vec![("relay", 12.0)], false)] {
        let aws = StubAws::start(Said {
            metrics: Some(metrics),
            ..Said::default()
        })
        .await;
        let browser = Browser::open(&aws).await;
        let page = browser.page("/").await;
        for text in [
            "<dt>at once</dt><dd>118 events, 2 left to the stream; commit to publish p50 38 ms, p99 112 ms</dd>",
            "<dt>by the relay</dt><dd>12 events; commit to publish p50 210 ms, p99 1.2 s</dd>",
            "<dt>by the sweeper</dt><dd>1 event; commit to publish not known</dd>",
        ] {
            assert_eq!(page.contains(text), at_once, "{text}: {page}");
        }
        assert_eq!(page.contains("In the past hour"), at_once, "{page}");
        // What the relay has published, and the sweeper.
        let published = if at_once { "13" } else { "12" };
        let published = format!("<b>{published}</b> <span>published, 1 h</span>");
        assert!(page.contains(&published), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_read_only_while_a_page_is_open() {
    let aws = StubAws::start(Said::default()).await;
    let browser = Browser::open(&aws).await;
    let depths = async || {
        let called = aws.called().await;
        called
            .iter()
            .filter(|name| *name == "GetQueueAttributes")
            .count()
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(depths().await, 0, "no page was opened");
    let mut stream = browser.get("/live/pipeline").await;
    let event = stream.chunk().await.unwrap().unwrap();
    let event = String::from_utf8(event.to_vec()).unwrap();
    assert!(event.starts_with("event: "), "{event}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    let while_open = depths().await;
    assert!(while_open >= 2, "{while_open}");
    drop(stream);
    // One reading may be in work, and one more until the server sees that the page is closed.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let after = depths().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(depths().await, after, "the poller goes on");
}
