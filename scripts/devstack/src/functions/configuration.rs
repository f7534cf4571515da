//! The configuration of functions outside of the emulator.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fs,
    time::Duration,
};

use crate::{
    endpoint::LocalEndpoint,
    error::Error,
    paths::Paths,
    process_environment::{NOWHERE, process_environment},
    stack::Stack,
};

/// Lambda's default, in seconds.
const DEFAULT_TIMEOUT: u64 = 3;

/// The timeout of a function without a stack. Long enough for calls of AWS that fail.
const TIMEOUT_WITHOUT_STACK: Duration = Duration::from_secs(30);

/// The variables of all functions, with names of tables, bus and queue that don't exist.
const VARIABLES_WITHOUT_STACK: [(&str, &str); 8] = [
    ("ALLOW_ANONYMOUS_CALLERS", "true"),
    ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/dead-letters"),
    ("EVENT_ACCOUNT", "000000000000"),
    ("EVENT_BUS_NAME", "orders"),
    ("EVENT_SOURCES", "orders"),
    ("ORDERS_TABLE", "orders"),
    ("OUTBOX_TABLE", "outbox"),
    ("SHIPMENTS_TABLE", "shipments"),
];

/// The configuration of a function.
pub(crate) struct Configuration {
    /// Its variables, and those that Lambda sets.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// How long an invocation may take.
    pub(super) timeout: Duration,
}

/// The configurations of functions, by the names of their crates.
pub(crate) type Configurations = BTreeMap<String, Configuration>;

/// Returns the deployed configurations of a stack's functions.
///
/// # Errors
///
/// If a deployed configuration can't be read.
pub(crate) async fn deployed(stack: &Stack) -> Result<Configurations, Error> {
    let mut configurations = Configurations::new();
    for (name, function) in &stack.deployment.functions {
        let configuration = deployed_function(stack, name, function).await?;
        configurations.insert(name.clone(), configuration);
    }
    Ok(configurations)
}

async fn deployed_function(
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
    let endpoint = stack.faults.endpoint();
    Ok(Configuration {
        environment: environment(name, variables.unwrap_or_default(), endpoint),
        timeout: Duration::from_secs(timeout.unwrap_or(DEFAULT_TIMEOUT)),
    })
}

/// Returns configurations for every function of the project, without an AWS: functions start,
/// and their calls of AWS fail.
///
/// # Errors
///
/// If the folder of the functions can't be read.
pub(crate) fn without_stack(paths: &Paths) -> Result<Configurations, Error> {
    let nowhere = LocalEndpoint::new(NOWHERE)?;
    let variables: HashMap<String, String> = VARIABLES_WITHOUT_STACK
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let names = function_names(paths)?.into_iter();
    let configured = names.map(|name| {
        let configuration = Configuration {
            environment: environment(&name, variables.clone(), nowhere),
            timeout: TIMEOUT_WITHOUT_STACK,
        };
        (name, configuration)
    });
    Ok(configured.collect())
}

/// Returns the names of the crates in `lambdas`, which are those of their folders.
fn function_names(paths: &Paths) -> Result<Vec<String>, Error> {
    let folder = paths.lambdas();
    let failed = || Error::io(format!("reading {}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.path().join("Cargo.toml").is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Returns the whole environment of a function: its variables, and those that Lambda sets.
fn environment(
    name: &str,
    mut variables: HashMap<String, String>,
    endpoint: LocalEndpoint,
) -> Vec<(OsString, OsString)> {
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    process_environment(std::env::vars_os(), endpoint)
        .into_iter()
        .chain(variables)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_stack_every_function_has_an_environment_that_leads_nowhere() {
        let project = tempfile::tempdir().unwrap();
        let lambdas = project.path().join("lambdas");
        for name in ["create-order", "get-order"] {
            fs::create_dir_all(lambdas.join(name)).unwrap();
            fs::write(lambdas.join(name).join("Cargo.toml"), "").unwrap();
        }
        fs::create_dir(lambdas.join("no-crate")).unwrap();
        fs::write(lambdas.join("README.md"), "").unwrap();

        let configurations = without_stack(&Paths::new(project.path())).unwrap();
        let names: Vec<&str> = configurations.keys().map(String::as_str).collect();
        assert_eq!(names, ["create-order", "get-order"]);
        let variables = &configurations["get-order"].environment;
        let value = |name: &str| {
            let found = variables.iter().find(|(found, _)| found == name);
            found.and_then(|(_, value)| value.to_str())
        };
        assert_eq!(value("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:9"));
        assert_eq!(value("AWS_LAMBDA_FUNCTION_NAME"), Some("get-order"));
        assert_eq!(value("ORDERS_TABLE"), Some("orders"));
    }

    #[test]
    fn a_project_without_functions_is_an_error() {
        let project = tempfile::tempdir().unwrap();
        let failed = without_stack(&Paths::new(project.path())).err();
        assert!(failed.unwrap().to_string().contains("lambdas"));
    }
}
