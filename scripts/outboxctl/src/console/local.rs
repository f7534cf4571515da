//! The local stack, which knows what AWS doesn't report.

use std::time::Duration;

use devstack_api::{
    ACTIVITY, Activity, BATCHES, Batch, DAMAGE, Damaged, EVENTS, FAULTS, Fault, InjectedFault,
    Journey, ORDERS, PlaceOrders, PlacedOrders, Problem,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

/// Its management address.
#[derive(Debug, Clone)]
pub(super) struct Local {
    client: Client,
    address: String,
}

impl Local {
    pub(super) fn new(address: &str) -> Self {
        // No proxy: the address is of this machine.
        let client = Client::builder().no_proxy().build();
        Self {
            client: client.unwrap_or_default(),
            address: address.to_owned(),
        }
    }

    pub(super) async fn activity(&self) -> Result<Activity, String> {
        self.get(ACTIVITY).await
    }

    /// Returns the newest batches, so many at most.
    pub(super) async fn batches(&self, most: usize) -> Result<Vec<Batch>, String> {
        self.get(&format!("{BATCHES}?limit={most}")).await
    }

    /// Returns what happened to an event; `None` if the stack doesn't know it.
    pub(super) async fn journey(&self, event_id: &str) -> Result<Option<Journey>, String> {
        let id = utf8_percent_encode(event_id, NON_ALPHANUMERIC);
        let path = format!("{EVENTS}{id}");
        match self.send(Method::GET, &path, None::<&()>).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, body) => parse(status, &body).map(Some),
        }
    }

    pub(super) async fn faults(&self) -> Result<Vec<InjectedFault>, String> {
        self.get(FAULTS).await
    }

    pub(super) async fn add_fault(&self, fault: &Fault) -> Result<(), String> {
        self.post::<_, InjectedFault>(FAULTS, fault).await.map(drop)
    }

    /// Clears a fault; all without an id.
    pub(super) async fn clear_faults(&self, id: Option<u32>) -> Result<(), String> {
        let which = id.map_or_else(String::new, |id| format!("?id={id}"));
        let path = format!("{FAULTS}{which}");
        let (status, body) = self.send(Method::DELETE, &path, None::<&()>).await?;
        parse::<serde_json::Value>(status, &body).map(drop)
    }

    pub(super) async fn place_orders(&self, orders: &PlaceOrders) -> Result<PlacedOrders, String> {
        self.post(ORDERS, orders).await
    }

    pub(super) async fn damage(&self) -> Result<Damaged, String> {
        self.post(DAMAGE, &()).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let (status, body) = self.send(Method::GET, path, None::<&()>).await?;
        parse(status, &body)
    }

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, String> {
        let (status, body) = self.send(Method::POST, path, Some(body)).await?;
        parse(status, &body)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.address));
        request = match body {
            Some(body) => request.json(body),
            // A list is read every second; orders that are placed may take a while.
            None => request.timeout(Duration::from_secs(5)),
        };
        let failed = |error: reqwest::Error| format!("the local stack can't be reached: {error}");
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        Ok((status, response.bytes().await.map_err(failed)?.to_vec()))
    }
}

fn parse<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, String> {
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_err(|error| format!("the local stack's response can't be read: {error}"));
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Err(problem.message),
        Err(_) => Err(format!("the local stack returned {status}")),
    }
}
