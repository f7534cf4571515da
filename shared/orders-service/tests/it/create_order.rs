//! `POST /orders`, from request to response.

use jiff::SignedDuration;
use lambda_http::{Body, Request, http};
use orders_service::create_order;
use serde_json::{Value, json};

use crate::fixture::*;

async fn with_dynamodb(answer: (u16, Value), request: Request) -> Answer {
    let dynamodb = DynamoDb::responding(&[("TransactWriteItems", &[answer])]).await;
    Answer::of(create_order(&service(&dynamodb.client), request).await)
}

#[tokio::test]
async fn the_sample_payload_places_an_order() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../samples/create-order.json");
    let request = lambda_http::request::from_str(sample).unwrap();
    let answer = fixture.post(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn a_valid_order_is_saved_with_its_event() {
    let fixture = Fixture::start().await;
    let answer = fixture
        .post(by_caller(post(&order()), "AROA:session"))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/orders/{id}"));
    assert_eq!(
        answer.body["total"],
        json!({"amount": 3900, "currency": "EUR"})
    );
    assert_eq!(answer.body["status"], "placed");
    assert_eq!(answer.header("etag"), "\"1\"");

    let saved = fixture.items("order#").await;
    assert_eq!(saved[0]["pk"], format!("order#{id}"));
    assert_eq!(
        (&saved[0]["version"], &saved[0]["lastSequence"]),
        (&json!(1), &json!(1))
    );

    let events = fixture.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source, "orders");
    let event: Value = serde_json::from_str(&events[0].detail).unwrap();
    assert_eq!(event["type"], "OrderCreated");
    assert_eq!(event["subject"], format!("order#{id}"));
    assert_eq!(event["correlationid"], "request-1");
    assert_eq!(event["data"]["orderId"], id);
}

#[tokio::test]
async fn every_invalid_field_is_named() {
    let fixture = Fixture::start().await;
    let answer = fixture
        .post(post(&json!({
            "customerId": "",
            "currency": "EUR",
            "items": [{"productId": "teapot", "quantity": 0, "unitPrice": -1}],
        })))
        .await;
    answer.assert_problem(422, "invalid-order");
    let violations = answer.body["violations"].as_array().unwrap();
    let fields: Vec<_> = violations
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["customerId", "items[0].quantity", "items[0].unitPrice"]
    );
    assert!(fixture.items("").await.is_empty() && fixture.events().await.is_empty());
}

#[tokio::test]
async fn json_that_is_not_an_order_names_the_field() {
    let fixture = Fixture::start().await;
    for (pointer, value, field) in [
        ("/customerId", json!(7), "customerId"),
        ("/items/0/quantity", json!("two"), "items[0].quantity"),
        ("/items/0/quantity", json!(1.5), "items[0].quantity"),
        ("/items", json!({}), "items"),
    ] {
        let mut order = order();
        *order.pointer_mut(pointer).unwrap() = value;
        let answer = fixture.post(post(&order)).await;
        answer.assert_problem(422, "invalid-order");
        assert_eq!(answer.body["violations"][0]["field"], field);
    }
    let mut unknown = order();
    unknown["discount"] = json!(1);
    fixture
        .post(post(&unknown))
        .await
        .assert_problem(422, "invalid-order");
}

/// JSON numbers that are not whole numbers in the digits of a 64-bit integer.
const NUMBERS: [&str; 16] = [
    "1e999",
    "-1e400",
    "1E+400",
    "1e99999999999999999999",
    "1e-400",
    "0.0e-0",
    "1e2",
    "1E+2",
    "20.0",
    "1.5",
    "-0",
    "-0.0",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890",
];

/// Returns the JSON of an order with a placeholder for the value of a field.
fn spelled(field: &str, value: &str) -> String {
    let mut order = order();
    *order.pointer_mut(field).unwrap() = json!("placeholder");
    order.to_string().replace("\"placeholder\"", value)
}

async fn assert_field(fixture: &Fixture, body: &str, field: &str) {
    let request = request().body(Body::Text(body.into())).unwrap();
    let answer = fixture.post(request).await;
    answer.assert_problem(422, "invalid-order");
    let violations = answer.body["violations"].as_array().unwrap();
    assert_eq!(violations.len(), 1, "{body}: {answer:?}");
    assert_eq!(violations[0]["field"], field, "{body}: {answer:?}");
    assert!(!violations[0]["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn any_json_number_is_accepted_or_rejected_with_its_field() {
    let fixture = Fixture::start().await;
    let digits = "9".repeat(400);
    let fraction = format!("1.{digits}");
    for number in NUMBERS.into_iter().chain([&*digits, &*fraction]) {
        for (pointer, field) in [
            ("/items/0/quantity", "items[0].quantity"),
            ("/items/0/unitPrice", "items[0].unitPrice"),
            ("/items/0/productId", "items[0].productId"),
            ("/items/0", "items[0]"),
            ("/items", "items"),
            ("/currency", "currency"),
            ("/customerId", "customerId"),
        ] {
            assert_field(&fixture, &spelled(pointer, number), field).await;
        }
        // A field that does not exist.
        let more = format!("{{\"discount\":{number},{}", &order().to_string()[1..]);
        assert_field(&fixture, &more, "discount").await;
        let of_an_item = spelled("/items/0/quantity", &format!("1,\"discount\":{number}"));
        assert_field(&fixture, &of_an_item, "items[0].discount").await;
        assert_field(&fixture, number, ".").await;
    }
    for (number, amount) in [
        ("0", 0_u64),
        ("1950", 1950),
        ("4503599627370495", 4_503_599_627_370_495),
    ] {
        let body = spelled("/items/0/unitPrice", number);
        let request = request().body(Body::Text(body)).unwrap();
        let answer = fixture.post(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.body["items"][0]["unitPrice"], json!(amount));
    }
}

#[tokio::test]
async fn text_like_a_number_is_not_json() {
    let fixture = Fixture::start().await;
    for value in [
        "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "1_000", "NaN", "Infinity", "1e999.",
    ] {
        for field in ["/items/0/quantity", "/currency"] {
            let request = request().body(Body::Text(spelled(field, value))).unwrap();
            let answer = fixture.post(request).await;
            answer.assert_problem(400, "malformed-json");
        }
    }
}

#[tokio::test]
async fn json_beyond_the_parser_s_limits_names_the_field() {
    let fixture = Fixture::start().await;
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    for value in ["\"\\ud800\"", "\"\\udc00x\"", &deep] {
        assert_field(&fixture, &spelled("/currency", value), "currency").await;
    }
    // A body that is not JSON is reported as that, not as an invalid order.
    for body in ["{\"currency\": 1e999", "{\"discount\": 1,}", "1e999 1"] {
        let request = request().body(Body::Text(body.into())).unwrap();
        let answer = fixture.post(request).await;
        answer.assert_problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    let fixture = Fixture::start().await;
    let trailing = format!("{} x", order());
    for body in ["", "{", "not json", &trailing] {
        let request = request().body(Body::Text(body.into())).unwrap();
        fixture
            .post(request)
            .await
            .assert_problem(400, "malformed-json");
    }
    let mut not_utf8 = spelled("/currency", "\"EUR?\"").into_bytes();
    let at = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[at] = 0xff;
    let request = request().body(Body::Binary(not_utf8)).unwrap();
    let answer = fixture.post(request).await;
    answer.assert_problem(400, "malformed-json");
}

#[tokio::test]
async fn a_body_over_256_kb_is_413() {
    let fixture = Fixture::start().await;
    let body = format!(
        "{}{}",
        order(),
        " ".repeat(256 * 1024 - order().to_string().len())
    );
    let fits = request().body(Body::Text(body.clone())).unwrap();
    assert_eq!(fixture.post(fits).await.status, 201);
    let over = request().body(Body::Text(format!("{body} "))).unwrap();
    fixture
        .post(over)
        .await
        .assert_problem(413, "body-too-large");
}

#[tokio::test]
async fn only_json_is_accepted() {
    let fixture = Fixture::start().await;
    for (content_type, status) in [
        ("application/json; charset=utf-8", 201),
        ("application/json ; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ] {
        let request = http::Request::builder()
            .header("content-type", content_type)
            .body(Body::Text(order().to_string()))
            .unwrap();
        assert_eq!(
            fixture.post(request).await.status,
            status,
            "{content_type:?}"
        );
    }
    let twice = request()
        .header("content-type", "text/plain")
        .body(Body::Text(order().to_string()))
        .unwrap();
    fixture
        .post(twice)
        .await
        .assert_problem(415, "unsupported-media-type");
    let without = http::Request::new(Body::Text(order().to_string()));
    fixture
        .post(without)
        .await
        .assert_problem(415, "unsupported-media-type");
}

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
        let answer = Answer::of(create_order(&service, post_with_key(&order(), "key")).await);
        assert_eq!(answer.status, 201);
        assert_eq!(
            answer.body["id"] == first.body["id"],
            same,
            "after {hours} hours"
        );
    }
}

#[tokio::test]
async fn throttling_and_conflicts_are_503_with_retry_after() {
    for code in ["ThrottlingError", "TransactionConflict"] {
        let answer = with_dynamodb(canceled(code), post(&order())).await;
        answer.assert_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_retryable_only_with_a_key() {
    let error = (500, json!({"__type": "InternalServerError"}));
    let with_key = post_with_key(&order(), "key");
    let answer = with_dynamodb(error.clone(), with_key).await;
    answer.assert_problem(503, "unavailable");
    let answer = with_dynamodb(error, post(&order())).await;
    assert_eq!(answer.status, 500);
    assert!(answer.headers.get("retry-after").is_none());
}

#[tokio::test]
async fn a_throttled_retry_after_a_timeout_is_an_unknown_outcome() {
    let dynamodb = DynamoDb::responding(&[(
        "TransactWriteItems",
        &[
            (500, json!({"__type": "InternalServerError"})),
            (400, json!({"__type": "ThrottlingException"})),
        ],
    )])
    .await;
    let answer = Answer::of(create_order(&service(&dynamodb.client), post(&order())).await);
    assert_eq!(answer.status, 500, "{answer:?}");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("may have been saved"), "{detail}");
}

#[tokio::test]
async fn a_past_order_that_cannot_be_read_is_reported_as_saved() {
    let fixture = Fixture::start().await;
    fixture.post(post_with_key(&order(), "key")).await;
    let past = &fixture.items("idem#").await[0];
    let placed_before = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": "None"}, {
            "Code": "ConditionalCheckFailed",
            "Item": {
                "pk": {"S": past["pk"]},
                "orderId": {"S": past["orderId"]},
                "fingerprint": {"S": past["fingerprint"]},
                "expiresAt": {"N": past["expiresAt"].to_string()},
            },
        }, {"Code": "None"}],
    });
    for (code, status) in [("ThrottlingException", 503), ("AccessDeniedException", 500)] {
        let dynamodb = DynamoDb::responding(&[
            ("TransactWriteItems", &[(400, placed_before.clone())]),
            ("GetItem", &[(400, json!({"__type": code}))]),
        ])
        .await;
        let request = post_with_key(&order(), "key");
        let answer = Answer::of(create_order(&service(&dynamodb.client), request).await);
        assert_eq!(answer.status, status, "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("was placed before"), "{detail}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_500_without_details() {
    let denied = json!({"__type": "AccessDeniedException", "message": "secret role"});
    let answer = with_dynamodb((400, denied), post(&order())).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.to_string().contains("secret"));
}
