use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::Error,
    faults::{FAULTS_PATH, Fault, InjectedFault},
    paths::Paths,
    running::Running,
};

/// The faults of the stack that is running.
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
            url: format!("{endpoint}{FAULTS_PATH}"),
        })
    }

    /// Puts a fault in force.
    ///
    /// # Errors
    ///
    /// If the fault makes no sense, or the stack does not answer.
    pub async fn add(&self, fault: &Fault) -> Result<InjectedFault, Error> {
        let request = self.http.post(&self.url).json(fault);
        answer(request.send().await.map_err(failed)?).await
    }

    /// The faults in force.
    ///
    /// # Errors
    ///
    /// If the stack does not answer.
    pub async fn list(&self) -> Result<Vec<InjectedFault>, Error> {
        answer(self.http.get(&self.url).send().await.map_err(failed)?).await
    }

    /// Ends a fault, or all of them. Answers how many ended.
    ///
    /// # Errors
    ///
    /// If the stack does not answer.
    pub async fn clear(&self, id: Option<u32>) -> Result<usize, Error> {
        let url = match id {
            Some(id) => format!("{}?id={id}", self.url),
            None => self.url.clone(),
        };
        let request = self.http.request(Method::DELETE, url);
        answer(request.send().await.map_err(failed)?).await
    }
}

async fn answer<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    if response.status().is_success() {
        return response.json().await.map_err(failed);
    }
    let refusal: Value = response.json().await.map_err(failed)?;
    let message = refusal["message"].as_str().unwrap_or("no reason given");
    Err(Error::FaultRefused(message.to_owned()))
}

fn failed(error: reqwest::Error) -> Error {
    Error::call("asking the running stack")(error.into())
}
