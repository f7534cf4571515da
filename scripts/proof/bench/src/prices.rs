//! Prices of AWS in USD: us-east-1, on demand, November 2026, from its pricing pages.

const A_MILLION: f64 = 1e6;

/// A write unit of DynamoDB: 1 KB.
pub(crate) const WRITE_UNIT: f64 = 0.625 / A_MILLION;

/// A read unit: 4 KB, consistent.
pub(crate) const READ_UNIT: f64 = 0.125 / A_MILLION;

/// A custom event, of up to 64 KB.
pub(crate) const EVENT: f64 = 1.00 / A_MILLION;

/// A request to a pipe, of up to 64 KB.
pub(crate) const PIPE_REQUEST: f64 = 0.40 / A_MILLION;

/// An invocation of a function.
pub(crate) const INVOCATION: f64 = 0.20 / A_MILLION;

/// A second of 1 GB on arm64.
pub(crate) const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
