//! The whole local stack: emulator, deployment and fault proxy.

use std::net::SocketAddr;

use stream_mapping_cli::Observer;

use crate::{
    clients::Clients, customer::Customer, deployment::Deployment, emulator::Emulator, error::Error,
    faults::FaultProxy, orders::OrdersApi, paths::Paths, progress::step,
};

/// The local AWS with the service's stack, and a fault proxy between the functions and AWS.
#[derive(Debug)]
pub struct Stack {
    /// The proxy that the functions' calls go through.
    pub faults: FaultProxy,
    /// The local AWS.
    pub emulator: Emulator,
    /// The deployed stack.
    pub deployment: Deployment,
    /// Clients of the local AWS that bypass the fault proxy.
    pub clients: Clients,
}

impl Stack {
    /// Starts the emulator, deploys the service's stack to it, and prints its progress.
    ///
    /// # Errors
    ///
    /// If a step fails; nothing is left running then.
    pub async fn start(paths: &Paths, listen: SocketAddr) -> Result<Self, Error> {
        let proxy = FaultProxy::listen().await?;
        let starting = Emulator::start(paths, listen, proxy.endpoint());
        let emulator = step("starting the local AWS", starting).await?;
        let faults = proxy.in_front_of(emulator.endpoint());
        let deploying = Deployment::deploy(paths, &emulator);
        let deployment = step("deploying the stack", deploying).await?;
        Ok(Self {
            clients: Clients::new(emulator.endpoint()),
            faults,
            emulator,
            deployment,
        })
    }

    /// Returns an observer of the stream mapping that also records its events for the console.
    pub fn observing(&self, observer: Observer) -> Observer {
        self.faults.recorder().observing(observer)
    }

    /// Records for the console that the bus has delivered an event.
    pub fn delivered(&self, event_id: &str) {
        self.faults.recorder().delivered(event_id);
    }

    /// Lets the console place orders from now on, through the API of the deployed functions.
    ///
    /// # Errors
    ///
    /// If there is no HTTP client.
    pub fn accept_orders(&self) -> Result<(), Error> {
        let api = OrdersApi::of(self.emulator.endpoint(), &self.deployment)?;
        self.accept_orders_through(api);
        Ok(())
    }

    /// The same, through this API.
    pub(crate) fn accept_orders_through(&self, api: OrdersApi) {
        self.faults.open_for(Customer {
            api,
            clients: self.clients.clone(),
            deployment: self.deployment.clone(),
        });
    }

    /// Ends everything.
    ///
    /// # Errors
    ///
    /// If waiting for the emulator fails.
    pub async fn stop(self) -> Result<(), Error> {
        self.emulator.stop().await
    }
}
