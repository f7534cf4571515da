//! Functions that are built already.

use std::path::Path;

use super::{configuration::deployed, gateway::Gateway};
use crate::{
    endpoint::LocalEndpoint, error::Error, mappings::Functions, paths::Paths, stack::Stack,
};

/// The functions of a stack, as built before and run outside of the emulator: as on AWS, concurrent
/// calls run in several processes. Dropping this stops them.
pub struct BuiltFunctions(Gateway);

impl BuiltFunctions {
    /// Serves the programs in a folder of cargo-lambda, with their deployed configurations. Each
    /// pair is a function and a variable that it doesn't get.
    ///
    /// # Errors
    ///
    /// If a deployed configuration can't be read, or no port can be opened.
    pub async fn serve(
        paths: &Paths,
        stack: &Stack,
        folder: &Path,
        without: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let mut configurations = deployed(stack).await?;
        for (function, variable) in without {
            if let Some(configuration) = configurations.get_mut(*function) {
                configuration
                    .environment
                    .retain(|(name, _)| name != variable);
            }
        }
        let recorder = stack.faults.recorder().clone();
        let gateway = Gateway::start_built(paths, configurations, folder, recorder);
        gateway.await.map(Self)
    }

    /// Returns the address of the functions' HTTP requests, at `/lambda-url/FUNCTION/PATH`.
    pub fn endpoint(&self) -> LocalEndpoint {
        self.0.endpoint()
    }

    /// Returns how mappings reach the functions.
    pub fn functions(&self) -> Functions {
        Functions::Watched(self.0.client())
    }
}
