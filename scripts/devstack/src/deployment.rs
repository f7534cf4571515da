//! The orders stack, deployed to the emulator.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::{
    emulator::Emulator,
    endpoint::LocalEndpoint,
    error::Error,
    paths::Paths,
    process_environment::{REGION, process_environment},
};

/// The stack's name, as in `infra/orders`.
const STACK: &str = "orders-local";

/// The emulator's account.
const ACCOUNT: &str = "000000000000";

/// The outputs of the deployed stack.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The URL of the orders API. Its host name doesn't resolve: requests go to the emulator
    /// with this host in their `Host` header.
    pub api_url: String,
    /// The orders table.
    pub orders_table: String,
    /// The outbox table.
    pub outbox_table: String,
    /// The shipments table.
    pub shipments_table: String,
    /// The bus.
    pub event_bus: String,
    /// The outbox's dead-letter queue.
    pub dead_letter_queue_url: String,
    /// The queue of messages that shipping can't handle.
    pub shipping_dead_letter_queue_url: String,
    /// The names of the deployed functions, by the names of their crates.
    pub functions: BTreeMap<String, String>,
    /// The template that was deployed. The file exists as long as the emulator runs.
    pub template: PathBuf,
}

impl Deployment {
    /// Deploys the orders stack to the emulator, with the same template as on AWS.
    ///
    /// # Errors
    ///
    /// If the CDK fails, or the stack lacks an output.
    pub async fn deploy(paths: &Paths, emulator: &Emulator) -> Result<Self, Error> {
        let environment = format!("aws://{ACCOUNT}/{REGION}");
        let endpoint = emulator.endpoint();
        let directory = emulator.directory();
        let outputs = directory.join("outputs.json");
        cdk(paths, endpoint, directory, "bootstrap", &[&environment]).await?;
        let outputs_file = outputs.display().to_string();
        let arguments = [
            "--require-approval",
            "never",
            "--outputs-file",
            outputs_file.as_str(),
        ];
        cdk(paths, endpoint, directory, "deploy", &arguments).await?;
        let template = assembly(directory).join(format!("{STACK}.template.json"));
        Self::read(&outputs, template)
    }

    fn read(path: &Path, template: PathBuf) -> Result<Self, Error> {
        let what = || format!("reading {}", path.display());
        let json = std::fs::read_to_string(path).map_err(Error::io(what()))?;
        let stacks: HashMap<String, HashMap<String, String>> = serde_json::from_str(&json)
            .map_err(|error| Error::Io {
                what: what(),
                source: error.into(),
            })?;
        let outputs = stacks.get(STACK).cloned().unwrap_or_default();
        let output = |name| outputs.get(name).cloned().ok_or(Error::NoOutput(name));
        Ok(Self {
            api_url: output("ApiUrl")?,
            orders_table: output("OrdersTableName")?,
            outbox_table: output("OutboxTableName")?,
            shipments_table: output("ShipmentsTableName")?,
            event_bus: output("EventBusName")?,
            dead_letter_queue_url: output("DeadLetterQueueUrl")?,
            shipping_dead_letter_queue_url: output("ShippingDeadLetterQueueUrl")?,
            functions: functions(&outputs),
            template,
        })
    }
}

/// Returns the functions: the output `PublishEventsFunctionName` is the name of the deployed
/// function `publish-events`.
fn functions(outputs: &HashMap<String, String>) -> BTreeMap<String, String> {
    outputs
        .iter()
        .filter_map(|(output, name)| {
            let crate_name = output.strip_suffix("FunctionName")?;
            Some((kebab_case(crate_name), name.clone()))
        })
        .collect()
}

fn kebab_case(pascal_case: &str) -> String {
    let mut words = String::new();
    for letter in pascal_case.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Returns where the CDK writes the cloud assembly.
fn assembly(directory: &Path) -> PathBuf {
    directory.join("cdk.out")
}

async fn cdk(
    paths: &Paths,
    endpoint: LocalEndpoint,
    directory: &Path,
    command: &'static str,
    arguments: &[&str],
) -> Result<(), Error> {
    let output = Command::new(paths.cdk()?)
        .args([command, "--context", "env=local", "--output"])
        .arg(assembly(directory))
        .args(arguments)
        .current_dir(paths.infra())
        .env_clear()
        .envs(process_environment(std::env::vars_os(), endpoint))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::io(format!("running cdk {command}")))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(Error::Deployment {
        command,
        output: String::from_utf8_lossy(&printed).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_their_outputs() {
        let outputs = [
            ("ApiUrl", "http://api"),
            ("CreateOrderFunctionName", "orders-local-CreateOrder-1"),
        ];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = (
            "create-order".to_owned(),
            "orders-local-CreateOrder-1".to_owned(),
        );
        assert_eq!(
            functions(&HashMap::from(outputs)),
            BTreeMap::from([expected])
        );
    }
}
