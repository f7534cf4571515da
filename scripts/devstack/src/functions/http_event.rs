//! HTTP requests as events of API Gateway, and the functions' responses as HTTP responses.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response,
    header::{COOKIE, HOST, HeaderName, SET_COOKIE, USER_AGENT},
    http::{self, request},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Returns the event that an HTTP API sends for a request: payload format 2.0, without an
/// authorizer. `path` is the path on the API.
pub(super) fn event(parts: &request::Parts, path: &str, body: &[u8]) -> Value {
    let headers = text_headers(&parts.headers);
    let header = |name: &HeaderName| headers.get(name.as_str()).map(String::as_str);
    let cookies: Vec<&str> = header(&COOKIE).map_or_else(Vec::new, |all| all.split("; ").collect());
    let now = Timestamp::now();
    let (body, is_base64) = match str::from_utf8(body) {
        Ok(body) => (body.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "cookies": cookies,
        "headers": headers,
        "requestContext": {
            "apiId": "local",
            "domainName": header(&HOST),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header(&USER_AGENT),
            },
            "requestId": Uuid::now_v7(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "body": (!body.is_empty()).then_some(body),
        "isBase64Encoded": is_base64,
    })
}

/// Returns the headers as API Gateway passes them: several of one name are one text.
fn text_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

/// A function's response to an HTTP request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// A function's response is none to an HTTP request.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHttpResponse {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("its body is not base64: {0}")]
    Body(#[from] base64::DecodeError),
    #[error(transparent)]
    Http(#[from] http::Error),
}

/// Returns the HTTP response for the response of a function.
pub(super) fn response(payload: &[u8]) -> Result<Response<Full<Bytes>>, NoHttpResponse> {
    let answer: HttpResponse = serde_json::from_slice(payload)?;
    let mut response = Response::builder().status(answer.status_code);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    for cookie in answer.cookies {
        response = response.header(SET_COOKIE, cookie);
    }
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        STANDARD.decode(body)?.into()
    } else {
        Bytes::from(body)
    };
    Ok(response.body(Full::from(body))?)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::{Request, StatusCode};

    use super::*;

    #[test]
    fn a_request_becomes_an_event_of_an_http_api() {
        let request = Request::post("http://127.0.0.1/lambda-url/create-order/orders?a=1&b=2")
            .header("Host", "127.0.0.1:9000")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "one=1; two=2");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let text = event(&parts, "/orders", b"{}");
        assert_eq!(text["rawPath"], "/orders");
        assert_eq!(text["rawQueryString"], "a=1&b=2");
        assert_eq!(text["headers"]["accept"], "a,b");
        assert_eq!(text["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(text["requestContext"]["http"]["method"], "POST");
        assert_eq!(
            (&text["body"], &text["isBase64Encoded"]),
            (&json!("{}"), &json!(false))
        );
        let binary = event(&parts, "/orders", &[0xff]);
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
    }

    #[tokio::test]
    async fn a_function_s_response_becomes_one_of_http() {
        let payload = json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json"},
            "multiValueHeaders": {},
            "cookies": ["one=1", "two=2"],
            "body": "{}",
            "isBase64Encoded": false,
        });
        let answer = response(payload.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers().get_all(SET_COOKIE).iter().count(), 2);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");

        let binary = br#"{"statusCode": 200, "body": "/w==", "isBase64Encoded": true}"#;
        let body = response(binary).unwrap().into_body().collect().await;
        assert_eq!(body.unwrap().to_bytes(), &[0xff][..]);
    }

    #[test]
    fn other_responses_are_errors() {
        for payload in [
            r#"{"body": "{}"}"#,
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "body": "?", "isBase64Encoded": true}"#,
            "[]",
            "",
        ] {
            assert!(response(payload.as_bytes()).is_err(), "{payload}");
        }
    }
}
