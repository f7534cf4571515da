//! The environment of a function outside of the emulator.

use std::{collections::HashMap, ffi::OsString, time::Duration};

use crate::{error::Error, process_environment::process_environment, stack::Stack};

/// Lambda's default, in seconds.
const DEFAULT_TIMEOUT: u64 = 3;

/// The deployed configuration of a function.
pub(super) struct Configuration {
    /// Its deployed variables, and those that Lambda sets.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// How long an invocation may take.
    pub(super) timeout: Duration,
}

/// Returns the deployed configuration of a function.
///
/// # Errors
///
/// If the deployed configuration can't be read.
pub(super) async fn configuration(
    stack: &Stack,
    name: &str,
    deployed: &str,
) -> Result<Configuration, Error> {
    let configuration = stack
        .clients
        .lambda
        .get_function_configuration()
        .function_name(deployed)
        .send()
        .await
        .map_err(|error| Error::call("GetFunctionConfiguration")(error.into()))?;
    let timeout = configuration
        .timeout
        .and_then(|seconds| u64::try_from(seconds).ok());
    let variables = configuration.environment.and_then(|all| all.variables);
    let mut variables: HashMap<String, String> = variables.unwrap_or_default();
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value)));
    let ours = process_environment(std::env::vars_os(), stack.faults.endpoint());
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    Ok(Configuration {
        environment: ours.into_iter().chain(variables).collect(),
        timeout: Duration::from_secs(timeout.unwrap_or(DEFAULT_TIMEOUT)),
    })
}
