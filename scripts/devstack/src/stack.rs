use std::net::SocketAddr;

use crate::{
    clients::Clients, deployment::Deployment, emulator::Emulator, error::Error, faults::FaultProxy,
    paths::Paths, progress::step,
};

/// The local AWS with the orders stack in it, and faults on the way to it for
/// those who want them.
#[derive(Debug)]
pub struct Stack {
    /// What the functions call stands behind this.
    pub faults: FaultProxy,
    /// The local AWS itself.
    pub emulator: Emulator,
    /// What is deployed there.
    pub deployment: Deployment,
    /// Clients of the local AWS, which no fault strikes.
    pub clients: Clients,
}

impl Stack {
    /// Starts the emulator and deploys the orders stack to it, telling what is
    /// being done.
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
        let deployment = step("deploying the orders stack", deploying).await?;
        Ok(Self {
            clients: Clients::new(emulator.endpoint()),
            faults,
            emulator,
            deployment,
        })
    }

    /// Ends everything.
    ///
    /// # Errors
    ///
    /// If it cannot be waited for.
    pub async fn stop(self) -> Result<(), Error> {
        self.emulator.stop().await
    }
}
