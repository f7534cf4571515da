//! Who gets in: the browser that has opened the address with the token, and no other page in it.

use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    browser::Browser,
    console_of,
    stub::{Said, StubAws, detail, first, row},
};

#[tokio::test]
#[ignore = "needs a browser: make test-browser"]
async fn only_the_console_itself_gets_in() {
    let Some(browser) = Browser::start("access").await else {
        return;
    };
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        accepts_events: true,
        ..Said::default()
    })
    .await;
    let key = first("order#1");
    let event = detail("order#1", "OrderCreated", &serde_json::json!({}));
    aws.put(row(
        &key,
        "OrderCreated",
        &event,
        Some("RequestRefused: no"),
    ))
    .await;
    let console = console_of(&aws).await;

    browser.open(&console.page("/")).await;
    let rejected = browser.text("body").await;
    assert!(rejected.contains("outboxctl console"), "{rejected}");
    assert!(!rejected.contains("mine"), "{rejected}");
    browser.open(&console.page("/?token=wrong")).await;
    assert_eq!(browser.text("body").await, rejected);

    browser.open(&console.address).await;
    let address = browser.address().await;
    assert!(!address.contains("token"), "{address}");
    browser.wait_for("#stage-outbox", "pending").await;
    browser.wait_for("#connection", "live").await;
    let cookies = browser.evaluate("return document.cookie").await;
    assert_eq!(cookies, "", "scripts can't read the cookie");

    // A page on another port of this machine is of the same site, so the browser sends the
    // cookie with its requests.
    let action = console.page("/events/order%231%2F1/unpark");
    let foreign = foreign_page(&action).await;
    for button in ["Send a form", "Send a script's request"] {
        browser.open(&foreign.uri()).await;
        browser.click(button).await;
        browser.wait_for("body", "sent").await;
    }
    browser.open(&foreign.uri()).await;
    browser.click("Open in a frame").await;
    browser.wait_for("body", "sent").await;
    let framed = "return document.querySelector('iframe').contentDocument?.body?.innerText ?? ''";
    assert_eq!(browser.evaluate(framed).await, "");
    assert!(aws.attribute(&key, "parked").await.is_some());
    let called = aws.called().await;
    assert!(!called.contains(&"PutEvents".to_owned()), "{called:?}");
    browser.stop().await;
}

/// Serves a page that sends requests to this address.
async fn foreign_page(action: &str) -> MockServer {
    let server = MockServer::start().await;
    let page = format!(
        "<!doctype html><title>Foreign</title><p id=state></p>
        <form method=post action='{action}' target=sink><button>Send a form</button></form>
        <iframe name=sink hidden></iframe>
        <button id=script>Send a script's request</button><button id=frame>Open in a frame</button>
        <script>
          const sent = () => {{ document.getElementById('state').textContent = 'sent'; }};
          document.forms[0].onsubmit = () => setTimeout(sent, 1000);
          document.getElementById('script').onclick = () =>
            fetch('{action}', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})
              .then(sent, sent);
          document.getElementById('frame').onclick = () => {{
            document.querySelector('iframe').src = new URL('/', '{action}').href;
            setTimeout(sent, 1000);
          }};
        </script>"
    );
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_raw(page, "text/html"))
        .mount(&server)
        .await;
    server
}
