//! Large data in S3: put there before the commit, and read by consumers.

mod consume;
mod publish;
pub(crate) mod s3;
