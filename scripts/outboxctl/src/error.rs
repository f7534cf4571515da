use miette::Diagnostic;
use outbox::relay::CallError;

/// Why a command failed: what, with which thing, and what to do.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Error {
    #[error("the AWS environment names no Region")]
    #[diagnostic(help("set AWS_REGION, or a profile that has one: export AWS_PROFILE=..."))]
    NoRegion,

    #[error("--env local has no local AWS to talk to: AWS_ENDPOINT_URL is {0}")]
    #[diagnostic(help(
        "start one with 'make dev', and use 'make status ENV=local' or 'make replay ENV=local', which find it"
    ))]
    NotLocal(String),

    #[error("AWS does not know who you are: {0}")]
    #[diagnostic(help("sign in, or choose another profile: export AWS_PROFILE=..."))]
    NotSignedIn(String),

    #[error("there is no stack {stack} in account {account}, Region {region}")]
    #[diagnostic(help("is this the right account and Region? 'make deploy' makes the stack"))]
    NoStack {
        stack: String,
        account: String,
        region: String,
    },

    #[error("stack {stack} has no output {output}")]
    #[diagnostic(help("is it a stack with an outbox? deploy it again if it is from before"))]
    NoOutput { stack: String, output: &'static str },

    #[error("there is no row {0}")]
    #[diagnostic(help(
        "it may be published by now; 'outboxctl pending' and 'outboxctl parked' list what is there"
    ))]
    NoSuchRow(String),

    #[error("row {0} is not set aside")]
    #[diagnostic(help("it is published without you; 'outboxctl parked' lists what is set aside"))]
    NotParked(String),

    #[error("row {0} was changed by somebody else in the meantime; nothing was done")]
    #[diagnostic(help("look at it again: outboxctl parked"))]
    Changed(String),

    #[error("row {row} cannot be read: {reason}")]
    #[diagnostic(help(
        "only its detail can be edited; discard it, or mend the item by other means and unpark it"
    ))]
    UnreadableRow { row: String, reason: String },

    #[error("there is no dead letter {0}")]
    #[diagnostic(help(
        "somebody may be working on it, then it is seen again in half a minute: outboxctl dlq list"
    ))]
    NoSuchLetter(String),

    #[error("the new detail of row {row} cannot be used: {problem}")]
    #[diagnostic(help("nothing was changed"))]
    InvalidDetail { row: String, problem: String },

    #[error("the detail of row {0} is as it was; nothing was done")]
    #[diagnostic(help("to publish it as it is: outboxctl unpark"))]
    Unedited(String),

    #[error("no reason to discard the row, or one over 500 characters")]
    #[diagnostic(help("write one for whoever asks later: --reason 'sent by mail, ticket 1234'"))]
    NoReason,

    #[error("{0}; nothing was changed")]
    #[diagnostic(help("where nobody can be asked, say --yes"))]
    NotConfirmed(&'static str),

    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },

    #[error("{0}")]
    #[diagnostic(help("does your role have the rights? the stack's output OperatorRoleArn has"))]
    Denied(String),

    #[error("{0}")]
    #[diagnostic(help("try again; nothing is lost by it"))]
    Aws(String),
}

impl Error {
    /// A call of the outbox's own.
    pub(crate) fn aws(error: CallError) -> Self {
        match error {
            CallError::Transient(message) => Self::Aws(message),
            CallError::SetUp(message) | CallError::Content(message) => Self::Denied(message),
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
