//! The ARN of a DynamoDB stream.

use std::{fmt, str::FromStr};

/// The ARN of a DynamoDB stream:
/// `arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL`.
///
/// ```
/// use stream_mapping::StreamArn;
///
/// let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders";
/// let error = table.parse::<StreamArn>().unwrap_err();
/// assert!(error.to_string().starts_with("this is a table's ARN, not its stream's"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamArn {
    text: String,
    partition: String,
    region: String,
    account: String,
    table: String,
}

/// The error for text that is not the ARN of a DynamoDB stream, by what it is
/// instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStreamArn {
    /// The text that tools print for a missing `LatestStreamArn`.
    #[error(
        "{0:?} is not a stream's ARN: tools print it for a missing LatestStreamArn, so the table \
         has no stream. Enable one: aws dynamodb update-table --table-name TABLE \
         --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
    )]
    NoStream(String),
    /// A table's ARN.
    #[error(
        "this is a table's ARN, not its stream's: {arn}. Its stream's is its LatestStreamArn: \
         aws dynamodb describe-table --table-name {table} --query Table.LatestStreamArn \
         --output text (None: the table has no stream)"
    )]
    Table {
        /// The ARN.
        arn: String,
        /// The table's name.
        table: String,
    },
    /// The ARN of something in Kinesis.
    #[error(
        "this is a Kinesis stream's ARN: {0}. Only streams of DynamoDB tables are supported: \
         arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL"
    )]
    Kinesis(String),
    /// Anything else.
    #[error(
        "{0:?} is not the ARN of a DynamoDB stream, which looks like \
         arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL"
    )]
    Other(String),
}

impl StreamArn {
    /// Returns the whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the partition, such as `aws` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the account's number.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the name of the table whose stream this is.
    pub fn table(&self) -> &str {
        &self.table
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for StreamArn {
    type Err = InvalidStreamArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text.trim(), "" | "None" | "null" | "undefined") {
            return Err(InvalidStreamArn::NoStream(text.to_owned()));
        }
        let other = || InvalidStreamArn::Other(text.to_owned());
        // A stream's label contains colons, too.
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(other());
        };
        if service == "kinesis" {
            return Err(InvalidStreamArn::Kinesis(text.to_owned()));
        }
        let resource: Vec<&str> = resource.split('/').collect();
        let table = match resource[..] {
            ["table", table, "stream", label]
                if !label.is_empty() && !label.contains(char::is_whitespace) =>
            {
                table
            }
            ["table", table] if service == "dynamodb" => {
                return Err(InvalidStreamArn::Table {
                    arn: text.to_owned(),
                    table: table.to_owned(),
                });
            }
            _ => return Err(other()),
        };
        let has_all = [partition, region, account, table]
            .iter()
            .all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
        if service != "dynamodb" || !has_all {
            return Err(other());
        }
        Ok(Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            table: table.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_s_arn_is_parsed() {
        let text = "arn:aws:dynamodb:eu-central-1:123456789012:table/a.b-c_d/stream/2026-11-24T09:00:00.000";
        let arn: StreamArn = text.parse().unwrap();
        assert_eq!(arn.to_string(), text);
        assert_eq!(arn.partition(), "aws");
        assert_eq!(arn.region(), "eu-central-1");
        assert_eq!(arn.account(), "123456789012");
        assert_eq!(arn.table(), "a.b-c_d");
    }

    #[test]
    fn other_text_is_rejected_by_what_it_is() {
        for (text, said) in [
            ("None", "the table has no stream"),
            ("null", "the table has no stream"),
            ("", "the table has no stream"),
            (
                "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
                "describe-table --table-name orders --query Table.LatestStreamArn",
            ),
            (
                "arn:aws:kinesis:eu-central-1:123456789012:stream/orders",
                "a Kinesis stream's ARN",
            ),
            (
                "arn:aws:kinesis:eu-central-1:123456789012:stream/orders/consumer/c:1",
                "a Kinesis stream's ARN",
            ),
            (
                "arn:aws:sqs:eu-central-1:123456789012:orders",
                "is not the ARN of a DynamoDB stream",
            ),
            (
                "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/index/by-customer",
                "is not the ARN of a DynamoDB stream",
            ),
            (
                "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/",
                "is not the ARN of a DynamoDB stream",
            ),
            (
                "arn:aws:dynamodb::123456789012:table/orders/stream/2026",
                "is not the ARN of a DynamoDB stream",
            ),
            ("orders", "is not the ARN of a DynamoDB stream"),
        ] {
            let error = text.parse::<StreamArn>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
