import { Duration } from "aws-cdk-lib";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

/** Creates the bucket for data that is too large for an event. */
export function largeData(
  scope: Construct,
  writer: LambdaFunction,
  consumer: LambdaFunction,
): Bucket {
  const bucket = new Bucket(scope, "LargeData", {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    // Longer than any event can still be read.
    lifecycleRules: [{ prefix: "claim-check/", expiration: Duration.days(180) }],
  });
  bucket.grantPut(writer, "claim-check/*");
  // With s3:ListBucket, so that S3 reports a missing object as missing.
  bucket.grantRead(consumer, "claim-check/*");
  return bucket;
}
