//! Calls of services that the local stack has no clients of.

use reqwest::RequestBuilder;

/// Signs and sends a request, and returns the response.
pub(crate) async fn response(service: &str, question: RequestBuilder) -> String {
    let scope = format!("test/20260101/eu-central-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let answer = question
        .header("authorization", signature)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{service}: {text}");
    text
}
