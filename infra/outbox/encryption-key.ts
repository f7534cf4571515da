import { Stack, Token } from "aws-cdk-lib";
import {
  Grant,
  type IGrantable,
  type IPrincipal,
  PolicyStatement,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { type IQueue, QueueEncryption, type QueueProps } from "aws-cdk-lib/aws-sqs";
import type { IConstruct } from "constructs";

/** What DynamoDB does with a table's key on behalf of a caller, without CDK's wildcards. */
const TABLE_KEY_ACTIONS = [
  "kms:Decrypt",
  "kms:Encrypt",
  "kms:GenerateDataKey",
  "kms:GenerateDataKeyWithoutPlaintext",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
] as const;

/** What SQS does with a queue's key on behalf of a sender or a receiver. */
const QUEUE_KEY_ACTIONS = ["kms:Decrypt", "kms:GenerateDataKey"] as const;

/** Allows the use of a table's key, through DynamoDB only. */
export function grantTableKey(scope: IConstruct, key: IKey, grantee: IGrantable): Grant {
  return grantKeyThrough("dynamodb", scope, key, grantee, TABLE_KEY_ACTIONS);
}

/** Allows actions on a queue, and the use of its key through SQS if it has one. */
export function grantOnQueue(queue: IQueue, grantee: IGrantable, ...actions: string[]): Grant {
  const onQueue = queue.grant(grantee, ...actions);
  const key = queue.encryptionMasterKey;
  return key === undefined
    ? onQueue
    : onQueue.combine(grantKeyThrough("sqs", queue, key, grantee, QUEUE_KEY_ACTIONS));
}

/** Returns how a queue is encrypted: with the key, or without one by SQS. */
export function queueEncryption(
  key: IKey | undefined,
): Pick<QueueProps, "encryption" | "encryptionMasterKey"> {
  return key === undefined
    ? { encryption: QueueEncryption.SQS_MANAGED }
    : { encryption: QueueEncryption.KMS, encryptionMasterKey: key };
}

/**
 * Lets CloudWatch Logs use a key for the log groups of the stack's account and Region, by
 * the key's policy. The policy of an imported key must allow it already.
 */
export function allowLogs(scope: IConstruct, key: IKey): void {
  const stack = Stack.of(scope);
  const logGroups = stack.formatArn({ service: "logs", resource: "log-group:*" });
  key.addToResourcePolicy(
    keyStatement(
      new ServicePrincipal(`logs.${stack.region}.amazonaws.com`),
      ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
      { ArnLike: { "kms:EncryptionContext:aws:logs:arn": logGroups } },
    ),
  );
}

/** Returns a statement for the policy of a key, in which `*` is the key itself. */
export function keyStatement(
  principal: IPrincipal,
  actions: readonly string[],
  conditions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): PolicyStatement {
  return new PolicyStatement({
    principals: [principal],
    actions: [...actions],
    resources: ["*"],
    conditions,
  });
}

/** Rejects a key in a stack of unknown Region, for which the CDK can't render a table. */
export function requireRegionForKey(scope: IConstruct, key: IKey | undefined): void {
  if (key !== undefined && Token.isUnresolved(Stack.of(scope).region)) {
    throw new Error(
      "encryptionKey needs a stack with a Region, because the CDK renders a table's key for each Region: " +
        "set env, as in new Stack(app, id, { env: { region } })",
    );
  }
}

function grantKeyThrough(
  service: "dynamodb" | "sqs",
  scope: IConstruct,
  key: IKey,
  grantee: IGrantable,
  actions: readonly string[],
): Grant {
  return Grant.addToPrincipal({
    grantee,
    actions: [...actions],
    resourceArns: [key.keyArn],
    conditions: {
      StringEquals: { "kms:ViaService": `${service}.${Stack.of(scope).region}.amazonaws.com` },
    },
  });
}
