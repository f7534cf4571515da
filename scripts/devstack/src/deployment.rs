//! The service's stack, deployed to the emulator.

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

/// The emulator's account.
const ACCOUNT: &str = "000000000000";

/// A deployed stack and its outputs.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The stack's name.
    pub stack: String,
    /// The outbox table.
    pub outbox_table: String,
    /// The bus.
    pub event_bus: String,
    /// The outbox's dead-letter queue.
    pub dead_letter_queue_url: String,
    /// The names of the deployed functions, by the names of their crates.
    pub functions: BTreeMap<String, String>,
    /// The template that was deployed. The file exists as long as the emulator runs.
    pub template: PathBuf,
    /// All outputs, by their names.
    outputs: HashMap<String, String>,
}

/// The outputs of each stack, as the CDK writes them.
type Stacks = HashMap<String, HashMap<String, String>>;

impl Deployment {
    /// Deploys the service's stack to the emulator, with the same template as on AWS.
    ///
    /// # Errors
    ///
    /// If the CDK fails, the app has another number of stacks than one, or the stack lacks an
    /// output of its outbox.
    pub async fn deploy(paths: &Paths, emulator: &Emulator) -> Result<Self, Error> {
        let environment = format!("aws://{ACCOUNT}/{REGION}");
        let endpoint = emulator.endpoint();
        let directory = emulator.directory();
        let outputs = directory.join("outputs.json");
        // Where the CDK finds no app, which takes seconds to synthesize, and isn't needed.
        cdk(paths, endpoint, directory, "bootstrap", &[&environment]).await?;
        let assembly = assembly(directory);
        let arguments = [
            "--context",
            "env=local",
            "--require-approval",
            "never",
            "--output",
            &assembly.display().to_string(),
            "--outputs-file",
            &outputs.display().to_string(),
        ];
        cdk(paths, endpoint, &paths.infra(), "deploy", &arguments).await?;
        Self::of(read(&outputs)?, &assembly)
    }

    fn of(stacks: Stacks, assembly: &Path) -> Result<Self, Error> {
        let mut names: Vec<String> = stacks.keys().cloned().collect();
        names.sort();
        let mut stacks = stacks.into_iter();
        let (Some((stack, outputs)), None) = (stacks.next(), stacks.next()) else {
            return Err(Error::Stacks(names));
        };
        let output = |name| outputs.get(name).cloned().ok_or(Error::NoOutput(name));
        Ok(Self {
            outbox_table: output("OutboxTableName")?,
            event_bus: output("EventBusName")?,
            dead_letter_queue_url: output("DeadLetterQueueUrl")?,
            functions: functions(&outputs),
            template: assembly.join(format!("{stack}.template.json")),
            stack,
            outputs,
        })
    }

    /// Returns an output of the stack.
    ///
    /// # Errors
    ///
    /// If the stack has no such output.
    pub fn output(&self, name: &'static str) -> Result<&str, Error> {
        let output = self.outputs.get(name).ok_or(Error::NoOutput(name))?;
        Ok(output)
    }
}

fn read(outputs: &Path) -> Result<Stacks, Error> {
    let what = || format!("reading {}", outputs.display());
    let json = std::fs::read_to_string(outputs).map_err(Error::io(what()))?;
    serde_json::from_str(&json).map_err(|error| Error::Io {
        what: what(),
        source: error.into(),
    })
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
    folder: &Path,
    command: &'static str,
    arguments: &[&str],
) -> Result<(), Error> {
    let output = Command::new(paths.cdk()?)
        .arg(command)
        .args(arguments)
        .current_dir(folder)
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

    fn stacks(outputs: &[(&str, &[&str])]) -> Stacks {
        let stack = |(stack, names): &(&str, &[&str])| {
            let outputs = names
                .iter()
                .map(|name| ((*name).into(), format!("the {name}")));
            ((*stack).to_owned(), outputs.collect())
        };
        outputs.iter().map(stack).collect()
    }

    fn deployment(stacks: Stacks) -> Result<Deployment, Error> {
        Deployment::of(stacks, Path::new("/run/cdk.out"))
    }

    const OUTBOX: [&str; 3] = ["OutboxTableName", "EventBusName", "DeadLetterQueueUrl"];

    #[test]
    fn a_stack_of_any_name_is_known_by_its_outputs() {
        let outputs = [&OUTBOX[..], &["CreateOrderFunctionName", "ApiUrl"]].concat();
        let deployed = deployment(stacks(&[("help-desk-local", &outputs)])).unwrap();
        assert_eq!(deployed.stack, "help-desk-local");
        assert_eq!(deployed.event_bus, "the EventBusName");
        assert_eq!(deployed.output("ApiUrl").unwrap(), "the ApiUrl");
        assert!(matches!(
            deployed.output("Other"),
            Err(Error::NoOutput("Other"))
        ));
        let template = Path::new("/run/cdk.out/help-desk-local.template.json");
        assert_eq!(deployed.template, template);
        let function = (
            "create-order".to_owned(),
            "the CreateOrderFunctionName".to_owned(),
        );
        assert_eq!(deployed.functions, BTreeMap::from([function]));
    }

    #[test]
    fn an_app_must_have_one_stack_with_the_outputs_of_an_outbox() {
        let problem = |stacks| deployment(stacks).unwrap_err().to_string();
        assert_eq!(problem(stacks(&[])), "the CDK app deployed 0 stacks: ");
        let two = stacks(&[("b", &OUTBOX), ("a", &OUTBOX)]);
        assert_eq!(problem(two), "the CDK app deployed 2 stacks: a, b");
        let missing = stacks(&[("a", &OUTBOX[1..])]);
        let expected = "the deployed stack has no output OutboxTableName";
        assert_eq!(problem(missing), expected);
    }
}
