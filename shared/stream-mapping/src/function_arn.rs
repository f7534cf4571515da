//! The ARN of a function from its name.

use crate::stream_arn::StreamArn;

/// Returns the ARN of a function from its `FunctionName` in
/// `CreateEventSourceMapping`: an ARN, an account and a name, or only a name, each
/// with or without a version or alias.
///
/// The Region and the account are those of the stream, unless the name contains
/// them.
///
/// ```
/// use stream_mapping::function_arn;
///
/// let stream = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026";
/// assert_eq!(
///     function_arn("relay:live", stream),
///     "arn:aws:lambda:eu-central-1:123456789012:function:relay:live",
/// );
/// ```
pub fn function_arn(name: &str, stream_arn: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let stream: Option<StreamArn> = stream_arn.parse().ok();
    let part = |part: fn(&StreamArn) -> &str| stream.as_ref().map_or("", part);
    let partition = stream.as_ref().map_or("aws", StreamArn::partition);
    let region = part(StreamArn::region);
    let (account, name) = match name.split_once(":function:") {
        Some((account, name)) => (account, name),
        None => (part(StreamArn::account), name),
    };
    format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_name_becomes_an_arn() {
        let stream = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/orders/stream/2026-11-24T09:00:00.000";
        let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:relay";
        for (name, expected) in [
            ("relay", arn.to_owned()),
            ("relay:live", format!("{arn}:live")),
            ("relay:7", format!("{arn}:7")),
            (arn, arn.to_owned()),
            (
                "210987654321:function:relay:live",
                "arn:aws-cn:lambda:cn-north-1:210987654321:function:relay:live".to_owned(),
            ),
        ] {
            assert_eq!(function_arn(name, stream), expected);
        }
        let nowhere = function_arn("relay", "stream");
        assert_eq!(nowhere, "arn:aws:lambda:::function:relay");
    }
}
