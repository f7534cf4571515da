//! A client that manages the faults of the running stack.

use devstack_api::FAULTS;
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::Error,
    faults::{Fault, InjectedFault},
    paths::Paths,
    running::Running,
};

/// Manages the faults of the running stack.
#[derive(Debug)]
pub struct FaultClient {
    http: reqwest::Client,
    url: String,
}

impl FaultClient {
    /// Finds the running stack.
    ///
    /// # Errors
    ///
    /// If none is running.
    pub fn find(paths: &Paths) -> Result<Self, Error> {
        let endpoint = Running::faults(paths)?;
        let http = reqwest::Client::builder().no_proxy().build();
        Ok(Self {
            http: http.map_err(failed)?,
            url: format!("{endpoint}{FAULTS}"),
        })
    }

    /// Adds a fault.
    ///
    /// # Errors
    ///
    /// If the fault is invalid, or the stack doesn't answer.
    pub async fn add(&self, fault: &Fault) -> Result<InjectedFault, Error> {
        let request = self.http.post(&self.url).json(fault);
        parse(request.send().await.map_err(failed)?).await
    }

    /// Returns the active faults.
    ///
    /// # Errors
    ///
    /// If the stack doesn't answer.
    pub async fn list(&self) -> Result<Vec<InjectedFault>, Error> {
        parse(self.http.get(&self.url).send().await.map_err(failed)?).await
    }

    /// Removes a fault, or all of them. Returns how many were removed.
    ///
    /// # Errors
    ///
    /// If the stack doesn't answer.
    pub async fn clear(&self, id: Option<u32>) -> Result<usize, Error> {
        let url = match id {
            Some(id) => format!("{}?id={id}", self.url),
            None => self.url.clone(),
        };
        let request = self.http.request(Method::DELETE, url);
        parse(request.send().await.map_err(failed)?).await
    }
}

async fn parse<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    if response.status().is_success() {
        return response.json().await.map_err(failed);
    }
    let error: Value = response.json().await.map_err(failed)?;
    let message = error["message"].as_str().unwrap_or("no reason given");
    Err(Error::FaultRejected(message.to_owned()))
}

fn failed(error: reqwest::Error) -> Error {
    Error::call("the request to the running stack")(error.into())
}
