use std::{io, path::PathBuf};

use miette::Diagnostic;
use stream_mapping::{InvalidSettings, InvalidStreamArn};
use thiserror::Error;

/// Why a mapping cannot be created.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum CreateError {
    /// A setting is outside of what AWS allows, or not supported.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// What should be the stream's ARN is something else.
    #[error(transparent)]
    StreamArn(#[from] InvalidStreamArn),
    /// There is no such stream; in AWS's words.
    #[error("Stream not found: {arn}")]
    #[diagnostic(help(
        "{endpoint} was asked. Which stream the table has now: aws dynamodb describe-table \
         --table-name {table} --region {region} --query Table.LatestStreamArn --output text \
         (None: the table has no stream)"
    ))]
    StreamNotFound {
        /// Its ARN.
        arn: String,
        /// The table it would be of.
        table: String,
        /// The Region it would be in.
        region: String,
        /// Where it was looked for.
        endpoint: String,
    },
    /// Nothing answers as DynamoDB Streams would.
    #[error("{endpoint} does not answer as DynamoDB Streams: {reason}")]
    #[diagnostic(help(
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS, or else AWS_ENDPOINT_URL, says where DynamoDB \
         Streams is; without them it is AWS itself"
    ))]
    NoAnswer {
        /// What was asked.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// DynamoDB Streams answers with an error.
    #[error("{endpoint} was asked for stream {arn} and refused: {code}: {message}")]
    Refused {
        /// What was asked.
        endpoint: String,
        /// The stream's ARN.
        arn: String,
        /// The error's code.
        code: String,
        /// What it said.
        message: String,
    },
    /// Another mapping drives the function with the stream; in AWS's words.
    #[error(
        "The event source arn (\" {stream_arn} \") and function (\" {function} \") provided \
         mapping already exists. Please update or delete the existing mapping with UUID {uuid}"
    )]
    #[diagnostic(help(
        "another process on this machine drives it, such as stream-mapping or make dev: stop \
         that one first, or the function gets every record twice"
    ))]
    AlreadyExists {
        /// The stream.
        stream_arn: String,
        /// The function, as it was named.
        function: String,
        /// The other mapping.
        uuid: String,
    },
    /// Whether there is another mapping cannot be found out.
    #[error("whether another mapping drives the function cannot be noted in {path}")]
    Claim {
        /// The file for that.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}
