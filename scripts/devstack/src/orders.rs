use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use crate::{deployment::Deployment, endpoint::LocalEndpoint, error::Error};

/// Requests under way at once.
const REQUESTS_AT_ONCE: usize = 8;

#[derive(Deserialize)]
struct Order {
    id: String,
}

/// Posts orders of these numbers through the HTTP API. Answers the ids of those it accepted;
/// `posted` is called after each request.
pub(crate) async fn post_orders(
    endpoint: LocalEndpoint,
    deployment: &Deployment,
    numbers: RangeInclusive<u64>,
    posted: impl Fn(),
) -> Result<BTreeSet<String>, Error> {
    let failed = |error: reqwest::Error| Error::call("POST /orders")(error.into());
    let host = deployment.api_url.trim_start_matches("http://").to_owned();
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(failed)?;
    let post = |number: u64| {
        let request = http
            .post(format!("{endpoint}/orders"))
            .header("host", &host)
            .header("idempotency-key", format!("order {number}"))
            .json(&json!({
                "customerId": format!("customer-{}", number % 10),
                "currency": "EUR",
                "items": [{"productId": "teapot", "quantity": 1 + number % 3, "unitPrice": 1950}],
            }));
        let posted = &posted;
        async move {
            let response = request.send().await?.error_for_status()?;
            let order: Order = response.json().await?;
            posted();
            Ok::<_, reqwest::Error>(order.id)
        }
    };
    let ids: Vec<Result<String, reqwest::Error>> = stream::iter(numbers)
        .map(post)
        .buffer_unordered(REQUESTS_AT_ONCE)
        .collect()
        .await;
    ids.into_iter().collect::<Result<_, _>>().map_err(failed)
}
