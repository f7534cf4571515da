//! The on-failure destination: a queue, a topic or a bucket.

use aws_config::SdkConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::error::BoxError;
use futures::future::{BoxFuture, FutureExt};
use stream_mapping::{Object, OnFailure};
use uuid::Uuid;

use crate::event::reason;

/// The clients of the services that a destination can be in.
#[derive(Debug, Clone)]
pub struct DestinationClients {
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
    s3: aws_sdk_s3::Client,
}

/// The on-failure destination.
#[derive(Debug, Clone)]
pub struct Destination {
    clients: DestinationClients,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Queue { url: String },
    Topic { arn: String },
    Bucket { name: String },
}

/// Why a destination cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// It is of another kind.
    #[error(
        "{0} is not an SQS queue, SNS topic or S3 bucket: other on-failure destinations are not \
         supported"
    )]
    NotSupported(String),
    /// Lambda accepts only standard queues and topics.
    #[error("{0} is first-in-first-out: Lambda accepts only standard queues and topics")]
    Fifo(String),
    /// It does not exist, or the check failed.
    #[error("on-failure destination {arn} cannot be used: {reason}")]
    Unknown {
        /// Its ARN.
        arn: String,
        /// Why.
        reason: String,
    },
}

impl DestinationClients {
    /// Creates the clients, without any call.
    pub fn new(config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config)
            // An emulator has no host name for each bucket.
            .force_path_style(true)
            .build();
        Self {
            sqs: aws_sdk_sqs::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }
}

impl Destination {
    /// Finds the destination with this ARN: a queue, a topic or a bucket.
    ///
    /// # Errors
    ///
    /// If it is none of these, or does not exist.
    pub async fn find(clients: DestinationClients, arn: &str) -> Result<Self, InvalidDestination> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let unknown = |reason: String| InvalidDestination::Unknown {
            arn: arn.to_owned(),
            reason,
        };
        let target = match parts[..] {
            ["arn", _, "sqs" | "sns", _, _, name] if name.strip_suffix(".fifo").is_some() => {
                return Err(InvalidDestination::Fifo(arn.to_owned()));
            }
            ["arn", _, "sqs", _, account, name] => clients.queue(account, name).await,
            ["arn", _, "sns", _, _, _] => clients.topic(arn).await,
            ["arn", _, "s3", _, _, name] => clients.bucket(name).await,
            _ => return Err(InvalidDestination::NotSupported(arn.to_owned())),
        };
        let target = target.map_err(|error| unknown(reason(&*error)))?;
        Ok(Self { clients, target })
    }

    /// Sends the message about records that were given up; to a bucket, also the
    /// records.
    pub(crate) fn send(
        &self,
        on_failure: &OnFailure,
        mapping: Uuid,
    ) -> BoxFuture<'static, Result<(), BoxError>> {
        let clients = self.clients.clone();
        let message = || on_failure.message().to_string();
        match self.target.clone() {
            Target::Queue { url } => clients.send_message(url, message()).boxed(),
            Target::Topic { arn } => clients.publish(arn, message()).boxed(),
            Target::Bucket { name } => {
                let object = on_failure.object(mapping, Uuid::now_v7());
                clients.put_object(name, object).boxed()
            }
        }
    }
}

impl DestinationClients {
    async fn queue(&self, account: &str, name: &str) -> Result<Target, BoxError> {
        let request = self.sqs.get_queue_url().queue_name(name);
        let found = request.queue_owner_aws_account_id(account).send().await?;
        let url = found.queue_url.ok_or("the response has no URL")?;
        Ok(Target::Queue { url })
    }

    async fn topic(&self, arn: &str) -> Result<Target, BoxError> {
        let arn = arn.to_owned();
        let request = self.sns.get_topic_attributes().topic_arn(&arn);
        request.send().await?;
        Ok(Target::Topic { arn })
    }

    async fn bucket(&self, name: &str) -> Result<Target, BoxError> {
        let name = name.to_owned();
        self.s3.head_bucket().bucket(&name).send().await?;
        Ok(Target::Bucket { name })
    }

    async fn send_message(self, url: String, body: String) -> Result<(), BoxError> {
        let request = self.sqs.send_message().queue_url(url).message_body(body);
        request.send().await?;
        Ok(())
    }

    async fn publish(self, arn: String, message: String) -> Result<(), BoxError> {
        let request = self.sns.publish().topic_arn(arn).message(message);
        request.send().await?;
        Ok(())
    }

    async fn put_object(self, bucket: String, object: Object) -> Result<(), BoxError> {
        let body = ByteStream::from(object.body.to_string().into_bytes());
        let request = self.s3.put_object().bucket(bucket).key(object.key);
        request.body(body).send().await?;
        Ok(())
    }
}
