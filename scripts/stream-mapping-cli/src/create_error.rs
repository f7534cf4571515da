//! Why a mapping cannot be created.

use std::{io, path::PathBuf};

use miette::Diagnostic;
use stream_mapping::{InvalidSettings, InvalidStreamArn};
use thiserror::Error;

/// Why a mapping cannot be created.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum CreateError {
    /// A setting is out of AWS's range, or not supported.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// The text given as the stream's ARN is something else.
    #[error(transparent)]
    StreamArn(#[from] InvalidStreamArn),
    /// The stream does not exist. The message is AWS's.
    #[error("Stream not found: {arn}")]
    #[diagnostic(help(
        "{endpoint} does not have it. The table's current stream: aws dynamodb describe-table \
         --table-name {table} --region {region} --query Table.LatestStreamArn --output text \
         (None: the table has no stream)"
    ))]
    StreamNotFound {
        /// Its ARN.
        arn: String,
        /// The table in the ARN.
        table: String,
        /// The Region in the ARN.
        region: String,
        /// The endpoint that was called.
        endpoint: String,
    },
    /// The endpoint does not respond like DynamoDB Streams.
    #[error("{endpoint} does not respond like DynamoDB Streams: {reason}")]
    #[diagnostic(help(
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS, or else AWS_ENDPOINT_URL, says where DynamoDB \
         Streams is; without them it is AWS itself"
    ))]
    NoResponse {
        /// The endpoint that was called.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// DynamoDB Streams returned an error.
    #[error("{endpoint} rejected the request for stream {arn}: {code}: {message}")]
    Rejected {
        /// The endpoint that was called.
        endpoint: String,
        /// The stream's ARN.
        arn: String,
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
    /// Another mapping drives the function with the stream. The message is AWS's.
    #[error(
        "The event source arn (\" {stream_arn} \") and function (\" {function} \") provided \
         mapping already exists. Please update or delete the existing mapping with UUID {uuid}"
    )]
    #[diagnostic(help(
        "another process on this machine drives it, such as stream-mapping or make dev: stop \
         that one first, or the function receives every record twice"
    ))]
    AlreadyExists {
        /// The stream.
        stream_arn: String,
        /// The function, as it was given.
        function: String,
        /// The UUID of the other mapping.
        uuid: String,
    },
    /// The lock file cannot be used.
    #[error("could not lock {path}, which prevents a second mapping of the function")]
    Claim {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
