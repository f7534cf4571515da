//! A client of the orders API.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{deployment::Deployment, endpoint::LocalEndpoint, error::Error};

/// How many requests are in flight at once.
pub(crate) const REQUESTS_AT_ONCE: usize = 8;

/// How long the API of deployed functions may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long functions under development may take: they may have to be built first.
const BUILD_TIMEOUT: Duration = Duration::from_mins(10);

/// The HTTP API of the orders service.
#[derive(Debug)]
pub(crate) struct OrdersApi {
    http: reqwest::Client,
    endpoint: LocalEndpoint,
    /// The API's host name, by which the emulator routes requests. `None` for functions under
    /// development, which have no common API: their paths contain their names.
    host: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    id: String,
}

/// Why a request failed, as the API says it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl OrdersApi {
    /// Returns the API of the deployed stack.
    pub(crate) fn of(endpoint: LocalEndpoint, deployment: &Deployment) -> Result<Self, Error> {
        // Its host name doesn't resolve: requests go to the emulator with this host in their
        // `Host` header.
        let url = deployment.output("ApiUrl")?;
        let host = url.trim_start_matches("http://").to_owned();
        Self::new(endpoint, Some(host), TIMEOUT)
    }

    /// Returns the API of the functions under development at this address.
    pub(crate) fn of_functions(endpoint: LocalEndpoint) -> Result<Self, Error> {
        Self::new(endpoint, None, BUILD_TIMEOUT)
    }

    fn new(
        endpoint: LocalEndpoint,
        host: Option<String>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .build()
            .map_err(|error| Error::call("POST /orders")(error.into()))?;
        Ok(Self {
            http,
            endpoint,
            host,
        })
    }

    /// Places an order that no request has placed before. `number` varies what is ordered.
    ///
    /// # Errors
    ///
    /// If the request fails; the reason is one line.
    pub(crate) async fn place_another(&self, number: u64) -> Result<String, String> {
        let request = self.placing(number, &Uuid::now_v7().to_string());
        id(request.send().await).await
    }

    /// Cancels an order.
    ///
    /// # Errors
    ///
    /// If the request fails; the reason is one line.
    pub(crate) async fn cancel_one(&self, id: &str) -> Result<(), String> {
        self::id(self.cancelling(id).send().await).await.map(drop)
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
        let request = |number: u64| self.placing(number, &format!("order {number}"));
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
        let request = |id: &String| self.cancelling(id);
        let requests = ids.into_iter().map(request);
        self.send("POST /orders/{id}/cancel", requests, cancelled)
            .await
    }

    fn placing(&self, number: u64, idempotency_key: &str) -> RequestBuilder {
        self.post("create-order", "/orders")
            .header("idempotency-key", idempotency_key)
            .json(&json!({
                "customerId": format!("customer-{}", number % 10),
                "currency": "EUR",
                "items": [{"productId": "teapot", "quantity": 1 + number % 3, "unitPrice": 1950}],
            }))
    }

    fn cancelling(&self, id: &str) -> RequestBuilder {
        self.post("cancel-order", &format!("/orders/{id}/cancel"))
    }

    fn post(&self, function: &str, path: &str) -> RequestBuilder {
        let endpoint = self.endpoint;
        match &self.host {
            Some(host) => self
                .http
                .post(format!("{endpoint}{path}"))
                .header("host", host),
            None => self
                .http
                .post(format!("{endpoint}/lambda-url/{function}{path}")),
        }
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

/// Returns the id of the order in a response, or why there is none.
async fn id(response: reqwest::Result<Response>) -> Result<String, String> {
    let failed = |error: reqwest::Error| stream_mapping_cli::reason(&error);
    let response = response.map_err(failed)?;
    let status = response.status();
    if status.is_success() {
        let order: Order = response.json().await.map_err(failed)?;
        return Ok(order.id);
    }
    let problem: Problem = response.json().await.unwrap_or_default();
    let said = problem.detail.or(problem.title).unwrap_or_default();
    Err(format!("{}: {said}", status.as_u16()))
}
