//! Why a command failed, and what the operator can do.

use std::{io, path::PathBuf};

use outbox::ports::CallError;

use crate::{command_line::CommandLine, purpose::Purpose, shell::quoted};

/// Why a command failed: what happened, and to which thing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "nothing names a Region: use --region, set AWS_REGION, or choose a profile that has one: --profile, or export AWS_PROFILE=..."
    )]
    NoRegion,

    #[error("--env local is a stack on this machine: it takes no --profile and no --region")]
    NoAccount,

    #[error("--env local needs the address of a local AWS, but AWS_ENDPOINT_URL is {0}")]
    NotLocal(String),

    #[error(
        "no AWS credentials: sign in, or choose a profile of your AWS configuration: --profile, or export AWS_PROFILE=... ({0})"
    )]
    NoCredentials(String),

    #[error(
        "AWS does not accept your credentials: sign in again, or choose another profile: --profile, or export AWS_PROFILE=... ({0})"
    )]
    NotSignedIn(String),

    #[error(
        "AWS cannot be reached: check the network, the Region and AWS_ENDPOINT_URL, then try again ({0})"
    )]
    Unreachable(String),

    #[error("there is no stack {stack} in account {account}, Region {region}")]
    NoStack {
        stack: String,
        account: String,
        region: String,
        /// Whether it was looked for on the local AWS.
        is_local: bool,
    },

    #[error("stack {stack} has no output {output}")]
    NoOutput { stack: String, output: &'static str },

    #[error("stack {stack}: output {output}: {problem}")]
    InvalidOutput {
        stack: String,
        output: &'static str,
        problem: String,
    },

    #[error("there is no row {0}")]
    NoSuchRow(String),

    #[error("row {0} is not parked")]
    NotParked(String),

    #[error("there is no group {group} of {things}")]
    NoSuchGroup {
        group: String,
        /// What is grouped: parked rows or dead letters.
        things: &'static str,
        /// The codes of the groups there are.
        codes: Vec<String>,
    },

    #[error("row {0} was modified concurrently; nothing was changed")]
    Changed(String),

    #[error("row {row} cannot be read: {reason}")]
    UnreadableRow { row: String, reason: String },

    #[error("there is no dead letter {0}")]
    NoSuchLetter(String),

    #[error("the new detail of row {row} cannot be used: {problem}; nothing was changed")]
    InvalidDetail { row: String, problem: String },

    #[error("the detail of row {0} is unchanged; nothing was done")]
    Unedited(String),

    #[error("the editor failed: {0}; nothing was changed")]
    Editor(String),

    /// A failure while an edited detail is not stored in the table yet.
    #[error("{source}")]
    DraftKept {
        row: String,
        draft: PathBuf,
        source: Box<Error>,
    },

    #[error("the reason to discard the row is empty or longer than 500 characters")]
    NoReason,

    #[error("a change of {stack} must be confirmed, because {purpose}; nothing was changed")]
    NotConfirmed { stack: String, purpose: Purpose },

    #[error("not confirmed; nothing was changed")]
    Declined,

    #[error("the command succeeded, but its result could not be written: {0}")]
    Unprinted(io::Error),

    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },

    #[error("the console cannot be served: {0}")]
    Console(String),

    #[error("{0}")]
    Denied(String),

    #[error("{0}")]
    Aws(String),
}

impl Error {
    /// Converts a failed call of the outbox crate.
    pub(crate) fn aws(error: CallError) -> Self {
        match error {
            CallError::Transient(message) | CallError::Unanswered(message) => Self::Aws(message),
            CallError::Configuration(message) | CallError::Content(message) => {
                Self::Denied(message)
            }
        }
    }

    /// Converts an I/O error; `what` says what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns whether the same command must fail again, until the operator changes something
    /// that it has read at its start, or deploys the stack.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::NoRegion
                | Self::NoAccount
                | Self::NotLocal(_)
                | Self::NoCredentials(_)
                | Self::NoStack { .. }
                | Self::NoOutput { .. }
                | Self::InvalidOutput { .. }
        )
    }

    /// Returns what to do, in lines. A suggested command is the end of a line, so that it can
    /// be pasted.
    pub(crate) fn help(&self, commands: &CommandLine) -> Vec<String> {
        let fixed = |help: &str| vec![help.to_owned()];
        match self {
            Self::NotLocal(_) => vec![format!(
                "start one with 'make dev', then use make, which sets the address: {}",
                commands.by_make(&["status"])
            )],
            Self::NoStack { is_local: true, .. } => fixed(
                "is it the stack of another service? with --env local --stack NAME, or ENV=local STACK=NAME of make, it is found by its name",
            ),
            Self::NoStack { .. } => {
                fixed("is this the right account and Region? 'make deploy' creates the stack")
            }
            Self::NoOutput { .. } => fixed(
                "is this an outbox stack? if it was deployed before this version, redeploy it",
            ),
            Self::InvalidOutput { .. } => {
                fixed("use the outboxctl of the version that the stack was deployed with")
            }
            Self::NoSuchRow(row) => vec![
                format!(
                    "it was published, discarded or never written; list pending rows: {}",
                    commands.with(&["pending"])
                ),
                format!(
                    "see whether it was discarded in the past 30 days: {}",
                    commands.with_id(&["history"], row, &[])
                ),
                format!("list parked rows: {}", commands.with(&["parked"])),
            ],
            Self::NotParked(_) => vec![format!(
                "the relay publishes it by itself; list parked rows: {}",
                commands.with(&["parked"])
            )],
            Self::NoSuchGroup { things, codes, .. } => vec![groups_there_are(things, codes)],
            Self::Changed(_) => vec![format!(
                "list parked rows again: {}",
                commands.with(&["parked"])
            )],
            Self::UnreadableRow { row, .. } => vec![format!(
                "outboxctl can only edit the detail; fix the item with another tool and unpark it, or discard it: {}",
                commands.with_id(&["discard"], row, &["--reason", ""])
            )],
            Self::NoSuchLetter(_) => vec![format!(
                "it may be in flight and visible again in 30 seconds: {}",
                commands.with(&["dlq", "list"])
            )],
            Self::Unedited(row) => vec![format!(
                "to publish it as it is: {}",
                commands.with_id(&["unpark"], row, &[])
            )],
            Self::DraftKept { row, draft, source } => kept(commands, row, draft, source),
            Self::Editor(_) => fixed(
                "set VISUAL or EDITOR to an editor that works, or write the detail to a file: --detail FILE",
            ),
            Self::NoReason => {
                fixed("say why it is never published: --reason 'sent by mail, ticket 1234'")
            }
            Self::NotConfirmed { .. } => fixed("to change it without a question, use --yes"),
            Self::Denied(_) => fixed(
                "does your role have the permissions? the role in the stack's output OperatorRoleArn does",
            ),
            Self::Aws(_) => fixed("try again; retrying loses nothing"),
            Self::NoRegion
            | Self::NoAccount
            | Self::Console(_)
            | Self::NoCredentials(_)
            | Self::NotSignedIn(_)
            | Self::Unreachable(_)
            | Self::InvalidDetail { .. }
            | Self::Declined
            | Self::Unprinted(_)
            | Self::Io { .. } => Vec::new(),
        }
    }
}

/// Returns which groups there are. Quoted, so that a code with a comma in it isn't taken for two.
fn groups_there_are(things: &str, codes: &[String]) -> String {
    if codes.is_empty() {
        return format!("there are no {things}");
    }
    let codes: Vec<String> = codes.iter().map(|code| quoted(code)).collect();
    format!("the groups there are: {}", codes.join(", "))
}

/// Returns the help of an error with a kept draft: where the draft is, and how to use it.
fn kept(commands: &CommandLine, row: &str, draft: &std::path::Path, source: &Error) -> Vec<String> {
    let draft = draft.display().to_string();
    let detail = commands.with_id(&["edit"], row, &["--detail", &draft]);
    let mut help = source.help(commands);
    help.push(format!(
        "your edit is kept in {draft}; to continue with it: {detail}"
    ));
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_commands_can_be_pasted() {
        let commands = CommandLine::Program {
            program: "outboxctl".to_owned(),
            outbox: ["--stack", "mine"].map(str::to_owned).into(),
            account: Vec::new(),
        };
        let row = "order#42/7".to_owned();
        for (error, command) in [
            (
                Error::NoSuchRow(row.clone()),
                "outboxctl --stack mine parked",
            ),
            (
                Error::NotParked(row.clone()),
                "outboxctl --stack mine parked",
            ),
            (Error::Changed(row.clone()), "outboxctl --stack mine parked"),
            (
                Error::NoSuchLetter("1".to_owned()),
                "outboxctl --stack mine dlq list",
            ),
            (
                Error::Unedited(row.clone()),
                "outboxctl --stack mine unpark 'order#42/7'",
            ),
            (
                Error::UnreadableRow {
                    row: row.clone(),
                    reason: String::new(),
                },
                "outboxctl --stack mine discard 'order#42/7' --reason ''",
            ),
            (
                Error::DraftKept {
                    row,
                    draft: "/tmp/my draft.json".into(),
                    source: Box::new(Error::Aws("no answer".to_owned())),
                },
                "outboxctl --stack mine edit 'order#42/7' --detail '/tmp/my draft.json'",
            ),
        ] {
            let help = error.help(&commands).pop().unwrap();
            assert!(help.ends_with(&format!(": {command}")), "{help}");
        }
    }
}
