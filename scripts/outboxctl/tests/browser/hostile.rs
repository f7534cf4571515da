//! What rows and letters contain is only ever text.

use outbox::RowKey;

use crate::{
    browser::Browser,
    console_of,
    stub::{Said, StubAws, first, row},
};

/// Each sets `window.pwned` if a browser takes it for markup.
const MARKUP: [&str; 4] = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=\"window.pwned=1\">",
    "'--></title></textarea><svg onload=window.pwned=1>",
    "{{7*7}}<iframe srcdoc=\"<script>parent.pwned=1</script>\">",
];

#[tokio::test]
#[ignore = "needs a browser: make test-browser"]
async fn hostile_content_is_text() {
    let Some(browser) = Browser::start("hostile content is text").await else {
        return;
    };
    let aws = StubAws::start(Said {
        letters: vec![format!("not JSON {}", MARKUP[0])],
        ..Said::default()
    })
    .await;
    let mut keys = Vec::new();
    for (index, markup) in MARKUP.iter().enumerate() {
        let key: RowKey = first(&format!("order#{index}{markup}"));
        let reason = format!("Malformed{markup}: \u{202e}detail {markup}");
        let reason = (index > 0).then_some(reason.as_str());
        aws.put(row(&key, &format!("Created{markup}"), markup, reason))
            .await;
        keys.push(key);
    }
    let console = console_of(&aws).await;
    browser.open(&console.address).await;
    let mut paths = vec!["/".to_owned(), "/events".to_owned(), "/fix".to_owned()];
    for path in ["/events", "/fix"] {
        browser.open(&console.page(path)).await;
        paths.extend(links(&browser).await);
    }
    paths.sort();
    paths.dedup();
    assert!(paths.len() > 6, "{paths:?}");
    for path in &paths {
        let address = if path.starts_with('/') {
            console.page(path)
        } else {
            path.clone()
        };
        browser.open(&address).await;
        assert_is_text(&browser).await;
    }
    browser.open(&console.page("/fix")).await;
    let shown = browser.text("main").await;
    assert!(shown.contains("<img src=x onerror="), "{shown}");
    assert!(shown.contains("\\u{202e}"), "{shown}");
    assert!(!shown.contains('\u{202e}'), "{shown}");
    browser.stop().await;
}

/// Returns the addresses that the page's content links to.
async fn links(browser: &Browser) -> Vec<String> {
    let links = "return [...document.querySelectorAll('main a[href]')].map((link) => link.href)";
    let links: Vec<String> = serde_json::from_value(browser.evaluate(links).await).unwrap();
    let pages = links.into_iter().filter(|link| !link.contains('?'));
    pages
        .map(|link| link.split('#').next().unwrap().to_owned())
        .collect()
}

async fn assert_is_text(browser: &Browser) {
    let address = browser.address().await;
    let elements = "return window.pwned === undefined
        && document.querySelectorAll('body script, img, iframe, [onload], [onerror]').length === 0";
    assert_eq!(browser.evaluate(elements).await, true, "{address}");
}
