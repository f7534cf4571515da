//! Functions that are built already.

use std::path::Path;

use super::{
    configuration::{Configuration, Configurations, deployed},
    gateway::Gateway,
};
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
    /// If a deployed configuration can't be read or has no such variable, or no port can be opened.
    pub async fn serve(
        paths: &Paths,
        stack: &Stack,
        folder: &Path,
        without: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let mut configurations = deployed(stack).await?;
        for (function, variable) in without {
            if !remove(&mut configurations, function, variable) {
                return Err(Error::NoVariable {
                    function: (*function).to_owned(),
                    variable: (*variable).to_owned(),
                });
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

/// Removes a variable of a function, and returns whether there was one.
fn remove(configurations: &mut Configurations, function: &str, variable: &str) -> bool {
    let Some(Configuration { environment, .. }) = configurations.get_mut(function) else {
        return false;
    };
    let before = environment.len();
    environment.retain(|(name, _)| name != variable);
    environment.len() < before
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_variable_that_exists_is_removed() {
        let configuration = Configuration {
            environment: vec![("EVENT_BUS_NAME".into(), "orders".into())],
            timeout: Duration::from_secs(3),
        };
        let mut configurations = Configurations::from([("create-order".to_owned(), configuration)]);
        assert!(!remove(&mut configurations, "create-order", "EVENT_BUS"));
        assert!(!remove(
            &mut configurations,
            "place-order",
            "EVENT_BUS_NAME"
        ));
        assert!(remove(
            &mut configurations,
            "create-order",
            "EVENT_BUS_NAME"
        ));
        assert_eq!(configurations["create-order"].environment, []);
    }
}
