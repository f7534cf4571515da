//! `GET /orders/{id}`, from request to response.

use lambda_http::{
    Body,
    http::{self, HeaderValue},
};
use serde_json::{Value, json};

use crate::fixture::*;

#[tokio::test]
async fn an_order_is_returned_with_its_version() {
    let fixture = Fixture::start().await;
    let placed = fixture.post(post(&order())).await;
    let id = placed.body["id"].as_str().unwrap();
    let answer = fixture.get(get(id)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, placed.body);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_version_the_caller_has_is_304() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    for (tags, status) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("\"0\", \"1\"", 304),
        ("*", 304),
        ("\"2\"", 200),
        ("nonsense", 200),
    ] {
        let mut request = get(&id);
        let tags = HeaderValue::from_static(tags);
        request.headers_mut().insert("if-none-match", tags.clone());
        let answer = fixture.get(request).await;
        assert_eq!(answer.status, status, "{tags:?}");
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_eq!(answer.body.is_null(), status == 304);
    }
    fixture.cancel(&id).await;
    let mut request = get(&id);
    let outdated = HeaderValue::from_static("\"1\"");
    request.headers_mut().insert("if-none-match", outdated);
    let answer = fixture.get(request).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"2\""));
}

#[tokio::test]
async fn the_sample_payload_names_an_order() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../samples/get-order.json");
    let request = lambda_http::request::from_str(sample).unwrap();
    let answer = get_order(&orders(&fixture.client), Callers::Anyone, request).await;
    answer.assert_problem(404, "unknown-order");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("019d4f5e-6a00-7000-8000-000000000042"));
}

#[tokio::test]
async fn an_unknown_order_is_404() {
    let fixture = Fixture::start().await;
    for id in ["019ad0c5-0a4c-7000-8000-000000000001", "nonsense"] {
        let answer = fixture.get(get(id)).await;
        answer.assert_problem(404, "unknown-order");
    }
}

#[tokio::test]
async fn a_path_may_begin_with_a_stage() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    for path in [format!("/live/orders/{id}"), format!("/orders/orders/{id}")] {
        let request = http::Request::builder().uri(path);
        let answer = fixture.get(request.body(Body::Empty).unwrap()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn a_read_returns_the_last_write() {
    let none = (200, json!({}));
    let dynamodb = DynamoDb::responding(&[("GetItem", &[none])]).await;
    let id = "019ad0c5-0a4c-7000-8000-000000000001";
    get_order(&orders(&dynamodb.client), Callers::Anyone, get(id)).await;
    let requests = dynamodb.stub.received_requests().await.unwrap();
    let read: Value = requests[0].body_json().unwrap();
    assert_eq!(read["ConsistentRead"], true);
}

#[tokio::test]
async fn transient_failures_are_503_and_others_500() {
    for (status, code, answered) in [
        (400, "ThrottlingException", 503),
        (503, "ServiceUnavailable", 503),
        (400, "AccessDeniedException", 500),
        (400, "ResourceNotFoundException", 500),
    ] {
        let error = (status, json!({"__type": code}));
        let dynamodb = DynamoDb::responding(&[("GetItem", &[error])]).await;
        let id = "019ad0c5-0a4c-7000-8000-000000000001";
        let answer = get_order(&orders(&dynamodb.client), Callers::Anyone, get(id)).await;
        assert_eq!(answer.status, answered, "{code}");
        assert_eq!(answer.headers.contains_key("retry-after"), answered == 503);
    }
}

#[tokio::test]
async fn a_caller_that_iam_has_not_identified_is_refused() {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let (service, identified) = (&fixture.service, Callers::Identified);
    let before = (fixture.events().await.len(), fixture.items("").await);
    for answer in [
        create_order(service, identified, post(&order())).await,
        cancel_order(service, identified, cancel(&id)).await,
        get_order(&orders(&fixture.client), identified, get(&id)).await,
        get_order(
            &orders(&fixture.client),
            identified,
            by_caller(get(&id), ":session"),
        )
        .await,
    ] {
        answer.assert_problem(403, "unidentified-caller");
    }
    let after = (fixture.events().await.len(), fixture.items("").await);
    assert_eq!(before, after);

    let request = by_caller(get(&id), "AROAEXAMPLE:session");
    let answer = get_order(&orders(&fixture.client), identified, request).await;
    assert_eq!(answer.status, 200);
}
