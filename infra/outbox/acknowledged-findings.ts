import type { Role } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { acknowledge, STANDARDS } from "./acknowledge.ts";
import { acknowledgeVariablesWithoutKey } from "./acknowledge-check.ts";

/** Why a function has no dead-letter queue of Lambda's, and whether it has a reservation. */
export interface FunctionFindings {
  readonly withoutDeadLetterQueue: string;
  readonly reservedConcurrency: boolean;
}

/** Records for cdk-nag and checkov what is left open at a function of the outbox, and why. */
export function acknowledgeFunction(
  lambdaFunction: LambdaFunction,
  { withoutDeadLetterQueue, reservedConcurrency }: FunctionFindings,
): void {
  acknowledge(
    lambdaFunction,
    ["Serverless", "NIST.800.53.R5", "HIPAA.Security"],
    "LambdaDLQ",
    withoutDeadLetterQueue,
  );
  acknowledge(
    lambdaFunction,
    STANDARDS,
    "LambdaInsideVPC",
    "It calls services of AWS only, authorized by IAM, and reaches nothing in a VPC.",
  );
  acknowledge(
    lambdaFunction,
    ["Serverless"],
    "LambdaTracing",
    "A batch has events of many traces, and each event takes its own trace to the bus.",
  );
  acknowledgeVariablesWithoutKey(lambdaFunction);
  if (!reservedConcurrency) {
    acknowledge(
      lambdaFunction,
      ["NIST.800.53.R5", "HIPAA.Security"],
      "LambdaConcurrency",
      "A reservation is taken from what other functions share, so the app decides, by a property of the outbox.",
    );
  }
}

/** Records for cdk-nag why a role has a policy of its own. */
export function acknowledgeInlinePolicy(role: Role): void {
  acknowledge(
    role,
    STANDARDS,
    "IAMNoInlinePolicy",
    "The policy is for this role alone; a managed one could be attached to others.",
  );
}

/** Records for cdk-nag and checkov why a log group has no key of the customer's. */
export function acknowledgeLogsWithoutKey(logGroup: LogGroup): void {
  acknowledge(
    logGroup,
    STANDARDS,
    "CloudWatchLogGroupEncrypted",
    "CloudWatch Logs encrypts it with a key of AWS; encryptionKey sets another one.",
  );
}

/** Records for cdk-nag why a queue has no dead-letter queue: it is one. */
export function acknowledgeDeadLetterQueue(queue: Construct, reason: string): void {
  acknowledge(queue, ["AwsSolutions"], "SQS3", reason);
  acknowledge(queue, ["Serverless"], "SQSRedrivePolicy", reason);
}
