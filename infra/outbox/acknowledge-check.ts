import { CfnResource } from "aws-cdk-lib";
import type { Construct } from "constructs";

/** The checks of checkov that find what a rule of cdk-nag finds. */
const CHECKS: ReadonlyMap<string, string> = new Map([
  ["CloudWatchLogGroupEncrypted", "CKV_AWS_158"],
  ["LambdaConcurrency", "CKV_AWS_115"],
  ["LambdaDLQ", "CKV_AWS_116"],
  ["LambdaInsideVPC", "CKV_AWS_117"],
  ["SNSEncryptedKMS", "CKV_AWS_26"],
]);

/** What checkov reads from the metadata of a resource. */
interface CheckovMetadata {
  readonly skip: readonly { readonly id: string; readonly comment: string }[];
}

/** Records for checkov, in the template, why a resource may fail a check. */
export function acknowledgeCheck(construct: Construct, check: string, reason: string): void {
  const resource = construct.node.defaultChild;
  if (!CfnResource.isCfnResource(resource)) {
    throw new Error(
      `${construct.node.path} is no resource, so ${check} can't be acknowledged at it`,
    );
  }
  const before: CheckovMetadata | undefined = resource.getMetadata("checkov");
  const skip = [...(before?.skip ?? []), { id: check, comment: reason }];
  resource.addMetadata("checkov", { skip } satisfies CheckovMetadata);
}

/** Does the same for the check that finds what this rule of cdk-nag finds, if there is one. */
export function acknowledgeSameCheck(construct: Construct, rule: string, reason: string): void {
  const check = CHECKS.get(rule);
  if (check !== undefined) {
    acknowledgeCheck(construct, check, reason);
  }
}

/** Records for checkov why a queue is encrypted without a key of its own. */
export function acknowledgeQueueWithoutKey(queue: Construct): void {
  acknowledgeCheck(queue, "CKV_AWS_27", "SQS encrypts it; the check knows only keys of KMS.");
}

/** Records for checkov why the variables of a function have no key of their own. */
export function acknowledgeVariablesWithoutKey(lambdaFunction: Construct): void {
  acknowledgeCheck(
    lambdaFunction,
    "CKV_AWS_173",
    "Lambda encrypts them with a key of its own. They are names and numbers, not secrets.",
  );
}
