//! What the actions do: the same as the commands, with the result for each row.

use outbox::RowKey;
use reqwest::StatusCode;
use serde_json::json;

use super::browser::{Browser, encoded};
use crate::stub::{Said, StubAws, detail, first, row};

const TOO_LARGE: &str = "TooLarge: the event has 300000 bytes, the bus takes 100000";

fn tagged(tag: &str) -> Said {
    Said {
        tag: Some(tag.to_owned()),
        accepts_events: true,
        ..Said::default()
    }
}

async fn put(aws: &StubAws, aggregate_id: &str) -> RowKey {
    let key = first(aggregate_id);
    let detail = detail(aggregate_id, "OrderCreated", &json!({"total": "3900"}));
    aws.put(row(&key, "OrderCreated", &detail, Some(TOO_LARGE)))
        .await;
    key
}

async fn is_there(aws: &StubAws, key: &RowKey) -> bool {
    aws.attribute(key, "detail").await.is_some()
}

/// Returns the value of a hidden field.
fn field<'p>(page: &'p str, name: &str) -> &'p str {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split_once('"').unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_published_after_a_dry_run() {
    let aws = StubAws::start(tagged("dev")).await;
    let keys = [put(&aws, "order#1").await, put(&aws, "order#2").await];
    let browser = Browser::open(&aws).await;
    let fix = browser.page("/fix").await;
    assert!(
        fix.contains("TooLarge") && fix.contains("<b>2</b> <span>rows"),
        "{fix}"
    );
    let preview = browser.page("/fix/parked/TooLarge/unpark").await;
    assert!(preview.contains("This would publish 2 rows"), "{preview}");
    assert!(
        preview.contains("--stack mine unpark --group TooLarge --until"),
        "{preview}"
    );
    for key in &keys {
        assert!(
            aws.attribute(key, "parked").await.is_some(),
            "the dry run changed {key}"
        );
    }
    let until = field(&preview, "until").to_owned();
    let path = "/fix/parked/TooLarge/unpark/confirm";
    let result = browser.result(path, &[("until", &until)]).await;
    assert!(result.contains("2 of 2 rows published"), "{result}");
    assert!(
        result.contains(">order#1/1</a>") && result.contains(">order#2/1</a>"),
        "{result}"
    );
    for key in &keys {
        assert!(!is_there(&aws, key).await, "{key} is still there");
    }
    let without_preview = browser.post(path, &[]).await;
    assert_eq!(without_preview.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_edited_with_a_difference() {
    let aws = StubAws::start(tagged("dev")).await;
    let key = put(&aws, "order#1").await;
    let browser = Browser::open(&aws).await;
    let address = format!("/events/{}", encoded("order#1/1"));
    let page = browser.page(&address).await;
    assert!(page.contains("outboxctl --stack mine edit"), "{page}");
    let before = detail("order#1", "OrderCreated", &json!({"total": "3900"}));
    let edited = before.replace("\"3900\"", "3900");
    let edit = format!("{address}/edit");
    for (text, problem) in [("{", "it is not JSON"), (before.as_str(), "is unchanged")] {
        let response = browser.post(&edit, &[("detail", text)]).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = response.text().await.unwrap();
        assert!(page.contains(problem), "{page}");
    }
    let difference = browser.post(&edit, &[("detail", &edited)]).await;
    let difference = difference.text().await.unwrap();
    assert!(difference.contains("<ins>"), "{difference}");
    let seen = field(&difference, "seen").to_owned();
    let publish = format!("{address}/edit/publish");
    let stale = browser
        .post(&publish, &[("detail", &edited), ("seen", "0")])
        .await;
    assert_eq!(stale.status(), StatusCode::CONFLICT);
    assert!(is_there(&aws, &key).await);
    let form = [("detail", edited.as_str()), ("seen", seen.as_str())];
    let result = browser.result(&publish, &form).await;
    assert!(result.contains("1 row published"), "{result}");
    assert!(!is_there(&aws, &key).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_for_development_needs_its_name() {
    let aws = StubAws::start(tagged("prod")).await;
    let key = put(&aws, "order#1").await;
    let browser = Browser::open(&aws).await;
    let discard = format!("/events/{}/discard", encoded("order#1/1"));
    let form = [("reason", "sent by mail")];
    let asked = browser.post(&discard, &form).await.text().await.unwrap();
    assert!(
        asked.contains("Type the stack&rsquo;s name, mine"),
        "{asked}"
    );
    assert!(asked.contains("its environment is prod"), "{asked}");
    let wrong = [("reason", "sent by mail"), ("stack", "other")];
    let rejected = browser.post(&discard, &wrong).await;
    assert_eq!(rejected.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_there(&aws, &key).await);
    let right = [("reason", "sent by mail"), ("stack", "mine")];
    let result = browser.result(&discard, &right).await;
    assert!(result.contains("order#1/1 is discarded"), "{result}");
    assert!(!is_there(&aws, &key).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_result_of_its_row() {
    let mut said = tagged("dev");
    said.accepts_events = false;
    let aws = StubAws::start(said).await;
    put(&aws, "order#1").await;
    let browser = Browser::open(&aws).await;
    let unpark = format!("/events/{}/unpark", encoded("order#1/1"));
    let result = browser.result(&unpark, &[]).await;
    assert!(result.contains("still there: "), "{result}");
    let again = browser.result(&unpark, &[]).await;
    assert!(again.contains("is not parked"), "{again}");
    let missing = format!("/events/{}/unpark", encoded("order#9/1"));
    let result = browser.result(&missing, &[]).await;
    assert!(result.contains("there is no row order#9/1"), "{result}");
}
