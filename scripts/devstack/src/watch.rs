//! `make watch`: the functions under development, without a local AWS.

use std::net::SocketAddr;

use crate::{
    activity::Recorder,
    error::Error,
    functions::{Gateway, without_stack},
    paths::Paths,
};

/// Serves the functions as built from their current sources until it is dropped. There is no AWS
/// behind them: their calls fail. Listens on this address, or without one, where `make invoke`
/// finds the functions.
///
/// # Errors
///
/// If the functions can't be served.
pub async fn watch(paths: &Paths, listen: Option<SocketAddr>) -> Result<(), Error> {
    let recorder = Recorder::default();
    let mut gateway = Gateway::start(paths, without_stack(paths)?, listen, recorder).await?;
    println!(
        "
Invoke a function, from another terminal; its first call builds it:

  make invoke FUNCTION=publish-events

The functions answer at {endpoint}, and HTTP requests at
{endpoint}/lambda-url/FUNCTION/PATH. There is no AWS behind them: their calls fail.

Ctrl-C stops everything.
",
        endpoint = gateway.endpoint()
    );
    gateway.ended().await;
    Err(Error::FunctionsEnded)
}
