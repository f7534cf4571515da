//! Only the browser with the token gets an answer, and no page of another site.

use reqwest::{
    Method, StatusCode,
    header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
};

use super::browser::Browser;
use crate::stub::{Said, StubAws};

/// Every address that is read.
const PAGES: [&str; 12] = [
    "/",
    "/events",
    "/events/a%2F1",
    "/events/a%2F1/edit",
    "/fix",
    "/fix/parked/TooLarge",
    "/fix/letters/NotADeadLetter",
    "/tasks/1",
    "/batches",
    "/nothing",
    "/assets/console.css",
    "/assets/console.js",
];

/// Every address that changes something.
const ACTIONS: [&str; 5] = [
    "/events/a%2F1/unpark",
    "/events/a%2F1/discard",
    "/events/a%2F1/edit/publish",
    "/fix/parked/TooLarge/unpark/confirm",
    "/fix/letters/TooLarge/replay",
];

async fn status(browser: &Browser, method: Method, path: &str, headers: HeaderMap) -> StatusCode {
    let request = browser.request(method, path).headers(headers);
    request.send().await.unwrap().status()
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_header_is_rejected_on_every_address() {
    let aws = StubAws::start(Said::default()).await;
    let browser = Browser::open(&aws).await;
    let own = (COOKIE, browser.cookie.as_str());
    let (name, _) = browser.cookie.split_once('=').unwrap();
    let other_cookie = format!("{name}=AAAA");
    let site = HeaderName::from_static("sec-fetch-site");
    let wrong = [
        headers(&[]),
        headers(&[(COOKIE, other_cookie.as_str())]),
        headers(&[own.clone(), (HOST, "attacker.example")]),
        headers(&[own.clone(), (ORIGIN, "http://attacker.example")]),
        headers(&[own.clone(), (ORIGIN, "null")]),
        headers(&[own.clone(), (site.clone(), "cross-site")]),
        headers(&[own.clone(), (site.clone(), "same-site")]),
    ];
    for path in PAGES.iter().chain(["/live/pipeline", "/live/fix"].iter()) {
        for headers in &wrong {
            let got = status(&browser, Method::GET, path, headers.clone()).await;
            assert_eq!(got, StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
    }
    for path in ACTIONS {
        let origin = (ORIGIN, browser.origin.as_str());
        let without_origin = headers(std::slice::from_ref(&own));
        let without_cookie = headers(&[origin]);
        let by_hand = headers(&[own.clone(), (site.clone(), "none")]);
        for headers in wrong
            .iter()
            .chain([&without_origin, &without_cookie, &by_hand])
        {
            let got = status(&browser, Method::POST, path, headers.clone()).await;
            assert_eq!(got, StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
    }
    let wrong_token = format!("/?token={}", "A".repeat(43));
    let got = status(&browser, Method::GET, &wrong_token, headers(&[own])).await;
    assert_eq!(got, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_headers_that_bind_the_browser() {
    let aws = StubAws::start(Said::default()).await;
    let browser = Browser::open(&aws).await;
    for path in PAGES {
        let response = browser.get(path).await;
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert_eq!(
            headers["cross-origin-opener-policy"], "same-origin",
            "{path}"
        );
        let page = response.text().await.unwrap();
        // The policy would forbid them.
        assert!(
            !page.contains(" style=\"") && !page.contains(" onclick="),
            "{path}"
        );
        assert!(!page.contains("<script>"), "{path}");
    }
    let forbidden = browser.request(Method::GET, "/").send().await.unwrap();
    assert!(forbidden.headers().contains_key("content-security-policy"));
    let page = forbidden.text().await.unwrap();
    assert!(page.contains("it contains the token of this run"), "{page}");
    assert!(!page.contains("mine"), "it names the stack: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_loopback_is_listened_to() {
    let aws = StubAws::start(Said::default()).await;
    let arguments = ["--stack", "mine", "console", "--listen", "0.0.0.0:0"];
    let output = aws.run(&mut aws.command(&arguments));
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("write a loopback address"), "{said}");
}
