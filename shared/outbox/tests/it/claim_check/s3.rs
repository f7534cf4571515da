//! A bucket of S3 as a stub, and a client of the real SDK.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use outbox::claim_check::ClaimCheck;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// The objects of the bucket, by the path of their requests.
#[derive(Clone, Default)]
pub(crate) struct Objects(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Objects {
    pub(crate) fn all(&self) -> HashMap<String, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn change(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.lock().unwrap().values_mut().for_each(change);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Respond for Objects {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut objects = self.0.lock().unwrap();
        let path = request.url.path();
        if request.method.as_str() == "PUT" {
            objects.insert(path.to_owned(), request.body.clone());
            return ResponseTemplate::new(200);
        }
        match objects.get(path) {
            Some(object) => ResponseTemplate::new(200).set_body_bytes(object.clone()),
            None => error(404, "NoSuchKey"),
        }
    }
}

/// Returns S3's response with an error.
pub(super) fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    ResponseTemplate::new(status).set_body_string(body)
}

/// Starts S3 with an empty bucket.
pub(crate) async fn bucket() -> (MockServer, Objects) {
    let objects = Objects::default();
    (responding(objects.clone()).await, objects)
}

/// Starts S3 with this response to all requests.
pub(super) async fn responding(response: impl Respond + 'static) -> MockServer {
    let stub = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&stub).await;
    stub
}

/// Returns a claim check with the bucket `large`, of data above 100 bytes.
pub(super) fn claim_check(stub: &MockServer) -> ClaimCheck {
    with_default_limit(stub).with_limit(100)
}

/// Returns a claim check with the bucket `large`.
pub(super) fn with_default_limit(stub: &MockServer) -> ClaimCheck {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(stub.uri())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    ClaimCheck::new(aws_sdk_s3::Client::from_conf(config), "large")
}
