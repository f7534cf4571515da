//! Which way events took to the bus, by `status`.

use serde_json::{Value, json};

use crate::stub::{Said, StubAws};

/// What an outbox reports whose functions publish at once.
pub(crate) const AT_ONCE: [(&str, f64); 8] = [
    ("atOnce", 118.0),
    ("leftToStream", 2.0),
    ("relay", 12.0),
    ("sweeper", 1.0),
    ("atOnceP50", 38.0),
    ("atOnceP99", 112.0),
    ("relayP50", 210.0),
    ("relayP99", 1_250.0),
];

async fn status(metrics: Option<Vec<(&'static str, f64)>>) -> (String, Value) {
    let aws = StubAws::start(Said {
        metrics,
        ..Said::default()
    })
    .await;
    let text = aws.run(&mut aws.command(&["--stack", "mine", "status"]));
    let json = ["--stack", "mine", "--output", "json", "status"];
    let json = aws.run(&mut aws.command(&json));
    (
        String::from_utf8(text.stdout).unwrap(),
        serde_json::from_slice(&json.stdout).unwrap(),
    )
}

/// Returns the value of a field.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut values = text.lines().filter_map(|line| {
        let value = line.trim_start().strip_prefix(name)?;
        value.strip_prefix("  ").map(str::trim)
    });
    values.next()
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_was_published_at_once_from_the_stream() {
    let (text, json) = status(Some(AT_ONCE.into())).await;
    for (name, value) in [
        (
            "at once",
            "in the past hour 118 events, 2 left to the stream; commit to publish p50 38 ms, p99 112 ms",
        ),
        (
            "by the relay",
            "in the past hour 12 events; commit to publish p50 210 ms, p99 1.2 s",
        ),
        (
            "by the sweeper",
            "in the past hour 1 event; commit to publish not known",
        ),
    ] {
        assert_eq!(field(&text, name), Some(value), "{text}");
    }
    let at_once = json!({
        "published": 118, "leftToStream": 2,
        "commitToPublish": {"p50Milliseconds": 38, "p99Milliseconds": 112},
    });
    assert_eq!(json["pastHour"]["atOnce"], at_once);
    let sweeper = json!({"published": 1, "commitToPublish": null});
    assert_eq!(json["pastHour"]["sweeper"], sweeper);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_publishing_at_once_status_has_no_ways() {
    let (text, json) = status(Some(vec![("relay", 12.0), ("relayP50", 210.0)])).await;
    for name in ["at once", "by the relay", "by the sweeper", "past hour"] {
        assert_eq!(field(&text, name), None, "{text}");
    }
    assert!(field(&text, "recently").is_some(), "{text}");
    assert_eq!(json["pastHour"]["relay"]["published"], 12);
    assert_eq!(json["pastHour"].get("atOnce"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_that_cannot_be_read_are_unknown() {
    let (text, json) = status(None).await;
    let unknown = field(&text, "past hour").unwrap();
    assert!(unknown.starts_with("unknown: GetMetricData"), "{text}");
    let unknown = json["pastHour"]["unknown"].as_str().unwrap();
    assert!(unknown.starts_with("GetMetricData"), "{unknown}");
}
