//! Bodies: which are JSON, and what is reported of those that aren't an order.

use lambda_http::{Body, http};
use serde_json::json;

use crate::fixture::*;

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
async fn the_response_to_a_large_invalid_order_is_small() {
    let fixture = Fixture::start().await;
    let long = "x".repeat(200_000);
    let mut many = order();
    many["items"] = json!(vec![
        json!({"productId": "", "quantity": 0, "unitPrice": -1});
        100
    ]);
    let mut one = order();
    one["items"] = json!(long);
    for (body, detail) in [
        (
            many,
            "Correct the fields named in violations, and 280 more.",
        ),
        (one, "Correct the fields named in violations."),
    ] {
        let request = request().body(Body::Text(body.to_string())).unwrap();
        let answer = fixture.post(request).await;
        answer.assert_problem(422, "invalid-order");
        assert_eq!(answer.body["detail"], detail);
        assert!(answer.body.to_string().len() < 4_000);
    }
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
