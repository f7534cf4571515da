//! The header `Idempotency-Key`: a repeated request places one order.

use jiff::SignedDuration;
use lambda_http::Body;
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn a_repeated_request_returns_the_same_order() {
    let fixture = Fixture::start().await;
    let first = fixture.post(post_with_key(&order(), "key")).await;
    // The same order, formatted differently.
    let spelled = serde_json::to_string_pretty(&order()).unwrap();
    let again = request()
        .header("idempotency-key", "key")
        .body(Body::Text(spelled))
        .unwrap();
    let second = fixture.post(again).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(fixture.items("order#").await.len(), 1);
    assert_eq!(fixture.events().await.len(), 1);
}

#[tokio::test]
async fn a_key_used_for_another_order_is_422() {
    let fixture = Fixture::start().await;
    fixture.post(post_with_key(&order(), "key")).await;
    let mut other = order();
    other["items"][0]["quantity"] = json!(3);
    let answer = fixture.post(post_with_key(&other, "key")).await;
    answer.assert_problem(422, "idempotency-key-reused");
    assert_eq!(fixture.items("order#").await.len(), 1);
}

#[tokio::test]
async fn an_invalid_order_does_not_use_up_its_key() {
    let fixture = Fixture::start().await;
    let mut invalid = order();
    invalid["items"][0]["quantity"] = json!(0);
    assert_eq!(
        fixture.post(post_with_key(&invalid, "key")).await.status,
        422
    );
    assert_eq!(
        fixture.post(post_with_key(&order(), "key")).await.status,
        201
    );
}

#[tokio::test]
async fn two_concurrent_requests_place_one_order() {
    let fixture = Fixture::start().await;
    let post = || fixture.post(post_with_key(&order(), "key"));
    let (a, b, c) = tokio::join!(post(), post(), post());
    assert_eq!((a.status, b.status, c.status), (201, 201, 201));
    assert_eq!(a.body, b.body);
    assert_eq!(b.body, c.body);
    assert_eq!(fixture.events().await.len(), 1);
}

#[tokio::test]
async fn two_callers_may_use_the_same_key() {
    let fixture = Fixture::start().await;
    let post = |caller| fixture.post(by_caller(post_with_key(&order(), "key"), caller));
    let a = post("AROAA:one").await;
    let a_again = post("AROAA:another-session").await;
    let b = post("AROAB:one").await;
    assert_eq!(a.body["id"], a_again.body["id"]);
    assert_ne!(a.body["id"], b.body["id"]);
}

#[tokio::test]
async fn a_key_has_1_to_255_bytes_and_is_sent_once() {
    let fixture = Fixture::start().await;
    assert_eq!(
        fixture
            .post(post_with_key(&order(), &"k".repeat(255)))
            .await
            .status,
        201
    );
    for key in ["", &"k".repeat(256)] {
        let answer = fixture.post(post_with_key(&order(), key)).await;
        answer.assert_problem(400, "invalid-idempotency-key");
    }
    let twice = request()
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .body(Body::Text(order().to_string()))
        .unwrap();
    fixture
        .post(twice)
        .await
        .assert_problem(400, "invalid-idempotency-key");
}

#[tokio::test]
async fn a_header_that_was_sent_twice_arrives_as_one_with_a_comma() {
    let fixture = Fixture::start().await;
    let body = order().to_string();
    for keys in ["a,b", "a, b", "a,a", "b,a", ",a", "a,"] {
        let headers = json!({"content-type": "application/json", "idempotency-key": keys});
        let answer = fixture.post(delivered(&headers, &body, &json!({}))).await;
        answer.assert_problem(400, "invalid-idempotency-key");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("comma"), "{detail}");
    }
    for content_types in [
        "application/json,application/json",
        "application/json,text/plain",
        "application/json; charset=utf-8,text/plain",
    ] {
        let headers = json!({"content-type": content_types});
        let answer = fixture.post(delivered(&headers, &body, &json!({}))).await;
        answer.assert_problem(415, "unsupported-media-type");
    }
    assert!(fixture.items("").await.is_empty() && fixture.events().await.is_empty());
}

#[tokio::test]
async fn one_request_in_several_encodings_places_one_order() {
    let fixture = Fixture::start().await;
    let body = order().to_string();
    let base64 = data_encoding::BASE64.encode(body.as_bytes());
    let lower = json!({"content-type": "application/json", "idempotency-key": "key"});
    let mixed = json!({"Content-Type": "application/json", "Idempotency-Key": "key"});
    let upper = json!({"CONTENT-TYPE": "application/json", "IDEMPOTENCY-KEY": "key"});
    let with_cookies = json!({"cookies": ["idempotency-key=a", "b=1, 2"]});
    let in_base64 = json!({"isBase64Encoded": true});
    let answers = [
        fixture.post(delivered(&lower, &body, &json!({}))).await,
        fixture.post(delivered(&mixed, &body, &json!({}))).await,
        fixture.post(delivered(&upper, &body, &with_cookies)).await,
        fixture.post(delivered(&lower, &base64, &in_base64)).await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(fixture.items("order#").await.len(), 1);
}

#[tokio::test]
async fn a_key_is_recognised_for_a_day() {
    let fixture = Fixture::start().await;
    let first = fixture.post(post_with_key(&order(), "key")).await;
    for (hours, same) in [(23, true), (25, false)] {
        let later = Later(SignedDuration::from_hours(hours));
        let service = service(&fixture.client).with_clock(later);
        let answer = create_order(&service, Callers::Anyone, post_with_key(&order(), "key")).await;
        assert_eq!(answer.status, 201);
        assert_eq!(
            answer.body["id"] == first.body["id"],
            same,
            "after {hours} hours"
        );
    }
}
