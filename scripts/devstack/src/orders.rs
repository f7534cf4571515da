//! A client of the orders API.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::json;

use crate::{deployment::Deployment, endpoint::LocalEndpoint, error::Error};

/// How many requests are in flight at once.
const REQUESTS_AT_ONCE: usize = 8;

/// The HTTP API of the deployed stack.
pub(crate) struct OrdersApi {
    http: reqwest::Client,
    endpoint: LocalEndpoint,
    /// The API's host name, by which the emulator routes requests.
    host: String,
}

#[derive(Deserialize)]
struct Order {
    id: String,
}

impl OrdersApi {
    pub(crate) fn of(endpoint: LocalEndpoint, deployment: &Deployment) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| Error::call("POST /orders")(error.into()))?;
        let host = deployment.api_url.trim_start_matches("http://").to_owned();
        Ok(Self {
            http,
            endpoint,
            host,
        })
    }

    /// Places an order for each of these numbers. Returns the ids of the orders; `placed` is
    /// called after each request.
    ///
    /// # Errors
    ///
    /// If a request fails.
    pub(crate) async fn place(
        &self,
        numbers: impl IntoIterator<Item = u64>,
        placed: impl Fn(),
    ) -> Result<BTreeSet<String>, Error> {
        let request = |number: u64| {
            self.post("/orders")
                .header("idempotency-key", format!("order {number}"))
                .json(&json!({
                    "customerId": format!("customer-{}", number % 10),
                    "currency": "EUR",
                    "items": [{"productId": "teapot", "quantity": 1 + number % 3, "unitPrice": 1950}],
                }))
        };
        self.send("POST /orders", numbers.into_iter().map(request), placed)
            .await
    }

    /// Cancels these orders, and returns their ids.
    ///
    /// # Errors
    ///
    /// If a request fails.
    pub(crate) async fn cancel(
        &self,
        ids: impl IntoIterator<Item = &String>,
        cancelled: impl Fn(),
    ) -> Result<BTreeSet<String>, Error> {
        let request = |id: &String| self.post(&format!("/orders/{id}/cancel"));
        let requests = ids.into_iter().map(request);
        self.send("POST /orders/{id}/cancel", requests, cancelled)
            .await
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.endpoint));
        request.header("host", &self.host)
    }

    async fn send(
        &self,
        operation: &'static str,
        requests: impl Iterator<Item = RequestBuilder>,
        answered: impl Fn(),
    ) -> Result<BTreeSet<String>, Error> {
        let answered = &answered;
        let send = |request: RequestBuilder| async move {
            let response = request.send().await?.error_for_status()?;
            let order: Order = response.json().await?;
            answered();
            Ok::<_, reqwest::Error>(order.id)
        };
        let ids: Vec<Result<String, reqwest::Error>> = stream::iter(requests)
            .map(send)
            .buffer_unordered(REQUESTS_AT_ONCE)
            .collect()
            .await;
        let ids: Result<_, _> = ids.into_iter().collect();
        ids.map_err(|error| Error::call(operation)(error.into()))
    }
}
