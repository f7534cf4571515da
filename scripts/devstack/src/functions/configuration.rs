//! The environment of a function outside of the emulator.

use std::{collections::HashMap, ffi::OsString};

use super::runtime_api::RuntimeApiClient;
use crate::{error::Error, process_environment::process_environment, stack::Stack};

/// Returns the environment of a function: its deployed variables, and those that Lambda sets.
///
/// # Errors
///
/// If the deployed configuration can't be read.
pub(super) async fn environment(
    stack: &Stack,
    name: &str,
    deployed: &str,
    runtime_api: &RuntimeApiClient,
) -> Result<Vec<(OsString, OsString)>, Error> {
    let configuration = stack
        .clients
        .lambda
        .get_function_configuration()
        .function_name(deployed)
        .send()
        .await
        .map_err(|error| Error::call("GetFunctionConfiguration")(error.into()))?;
    let variables = configuration.environment.and_then(|all| all.variables);
    let mut variables: HashMap<String, String> = variables.unwrap_or_default();
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.of_function(name)),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value)));
    let ours = process_environment(std::env::vars_os(), stack.faults.endpoint());
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    Ok(ours.into_iter().chain(variables).collect())
}
