//! Events are written as the document of the events, `asyncapi.json`, says.

use std::collections::BTreeSet;

use lambda_http::http::HeaderValue;
use serde_json::Value;

use crate::{
    contract::{assert_matches, close, document},
    fixture::*,
};

#[tokio::test]
async fn every_event_is_written_as_its_document_says() {
    let mut document = document("../orders/asyncapi.json");
    close(&mut document["components"]["schemas"]);
    let components = &document["components"];

    let fixture = Fixture::start().await;
    let mut traced = by_caller(post(&order()), "AROAEXAMPLE:session");
    let traceparent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    let traceparent = HeaderValue::from_static(traceparent);
    traced.headers_mut().insert("traceparent", traceparent);
    let placed = fixture.post(traced).await;
    fixture.cancel(placed.body["id"].as_str().unwrap()).await;

    let mut types = BTreeSet::new();
    for row in fixture.events().await {
        let event: Value = serde_json::from_str(&row.detail).unwrap();
        let schema = &components["schemas"][format!("{}CloudEvent", row.detail_type)];
        assert_matches(&event, schema, components);
        // Of the two requests only the first has a trace and an id.
        if row.detail_type == "OrderCreated" {
            let names = |object: &Value| -> BTreeSet<String> {
                object.as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(names(&event), names(&schema["properties"]));
        }
        types.insert(row.detail_type);
    }
    let messages = components["messages"].as_object().unwrap();
    assert!(types.iter().eq(messages.keys()), "{types:?}");
}
