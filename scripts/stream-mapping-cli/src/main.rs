//! `stream-mapping`: drives a function with a DynamoDB stream as Lambda would.

// clap prints these comments unchanged.
#![allow(clippy::doc_markdown)]

mod configuration;
mod generate;
mod log;
mod options;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, error::ErrorKind};
use generate::Generate;
use log::Log;
use miette::{IntoDiagnostic, MietteHandlerOpts};
use stream_mapping::StreamArn;
use stream_mapping_cli::{
    Destination, DestinationClients, Function, Stream, StreamMapping, interrupted,
};
use uuid::Uuid;

/// Drives a function with the records of a DynamoDB stream, as Lambda's event
/// source mapping would: batches, retries, bisecting, partial batch responses,
/// record age, filters, the on-failure destination.
///
/// The endpoint of the stream is AWS_ENDPOINT_URL_DYNAMODB_STREAMS, that of the
/// function AWS_ENDPOINT_URL_LAMBDA, and that of the destination
/// AWS_ENDPOINT_URL_SQS, _SNS or _S3. The default of each is AWS_ENDPOINT_URL, and
/// without that AWS itself. Ctrl-C stops.
///
/// Each start begins at the starting position: no checkpoint is stored.
#[derive(Parser)]
#[command(name = "stream-mapping", version = VERSION, verbatim_doc_comment, after_help = EXAMPLE)]
struct Arguments {
    #[command(flatten)]
    mapping: options::Mapping,

    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Log::Pretty)]
    log: Log,
}

/// The version, and the commit if it is known: `0.1.0 (1a2b3c4d5)`.
const VERSION: &str = env!("VERSION_AND_COMMIT");

const EXAMPLE: &str = "\
Example: a function served by `cargo lambda watch --timeout 60`, a table in an
emulator. (Without a timeout, a call never ends if its function crashes or is
replaced. With it, the call counts as not reached.)

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566
  export AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:9000
  stream-mapping --event-source-arn \"$STREAM_ARN\" --function-name my-function \\
    --starting-position TRIM_HORIZON --bisect-batch-on-function-error --maximum-retry-attempts 3 \\
    --function-response-types ReportBatchItemFailures \\
    --filter-criteria '{\"Filters\": [{\"Pattern\": \"{\\\"eventName\\\": [\\\"INSERT\\\"]}\"}]}' \\
    --destination-config '{\"OnFailure\": {\"Destination\": \"arn:aws:sqs:us-east-1:000000000000:dead\"}}'

stream-mapping generate man prints the man page; generate bash, zsh, fish, powershell or elvish
prints the completions of the shell.

Exit status:
  1    the command can't run
  2    an argument is invalid
  130  the command was stopped, with Ctrl-C or SIGTERM
  141  the reader of its output is gone";

/// Returns the command line. The options, which AWS's command has, are not those of `generate`.
fn command() -> clap::Command {
    Arguments::command()
        .subcommand(Generate::command().hide(true))
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
}

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    let matches = command().get_matches();
    if let Some(matches) = matches.subcommand_matches("generate") {
        let generate = Generate::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
        log::print_page(&generate.page(command()).into_diagnostic()?);
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // Lines are not wrapped, so that commands and ARNs in messages can be copied.
    let plain = |_: &_| Box::new(MietteHandlerOpts::new().wrap_lines(false).build()) as Box<_>;
    miette::set_hook(Box::new(plain)).into_diagnostic()?;
    let mapping = match arguments.mapping.settings() {
        Ok(settings) => stream_mapping(&arguments, settings).await?,
        Err(error) => command().error(ErrorKind::ValueValidation, error).exit(),
    };
    tokio::select! {
        result = mapping.run() => result.into_diagnostic()?,
        () = interrupted() => {}
    }
    arguments.log.metrics(&mapping.metrics());
    Ok(ExitCode::from(130))
}

/// Creates the mapping from the arguments.
async fn stream_mapping(
    arguments: &Arguments,
    settings: stream_mapping::Settings,
) -> miette::Result<StreamMapping> {
    let options = &arguments.mapping;
    // Parsed first: a wrong ARN is reported before a missing Region or credentials.
    let stream_arn: StreamArn = options.event_source_arn.parse().into_diagnostic()?;
    let config = configuration::load(&stream_arn).await?;
    let destination = match options.on_failure() {
        Some(arn) => {
            let clients = DestinationClients::new(&config);
            Some(Destination::find(clients, arn).await.into_diagnostic()?)
        }
        None => None,
    };
    let streams = aws_sdk_dynamodbstreams::Client::new(&config);
    let lambda = aws_sdk_lambda::Client::new(&config);
    let mapping = StreamMapping::create(
        Uuid::now_v7(),
        Stream::new(streams, stream_arn.as_str()),
        Function::new(lambda, &options.function_name),
        destination,
        settings,
        arguments.log.observer(),
    );
    Ok(mapping.await?)
}
