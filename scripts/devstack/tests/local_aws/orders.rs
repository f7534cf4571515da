//! Requests to the orders API.

use std::time::Duration;

use devstack::Stack;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Returns a request to the API.
pub(crate) fn request(
    stack: &Stack,
    http: &reqwest::Client,
    method: Method,
    path: &str,
) -> RequestBuilder {
    let url = stack.deployment.output("ApiUrl").unwrap();
    let host = url.trim_start_matches("http://");
    http.request(method, format!("{}{path}", stack.emulator.endpoint()))
        .header("host", host)
}

/// Places an order, and retries until the service confirms it. Returns its id.
pub(crate) async fn place(stack: &Stack, http: &reqwest::Client, number: usize) -> String {
    loop {
        let request = request(stack, http, Method::POST, "/orders")
            .header("idempotency-key", format!("order {number}"))
            .json(&json!({
                "customerId": "customer-7",
                "currency": "EUR",
                "items": [{"productId": "teapot", "quantity": 1, "unitPrice": 1950}],
            }));
        if let Ok(response) = request.send().await
            && response.status() == 201
            && let Ok(order) = response.json::<Value>().await
        {
            return order["id"].as_str().unwrap().to_owned();
        }
        sleep(Duration::from_millis(100)).await;
    }
}
