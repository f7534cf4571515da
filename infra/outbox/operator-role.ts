import { Stack } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { Rule } from "aws-cdk-lib/aws-events";
import {
  AccountRootPrincipal,
  CompositePrincipal,
  Grant,
  type IGrantable,
  type IPrincipal,
  Role,
} from "aws-cdk-lib/aws-iam";
import type { EventSourceMapping, IFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { acknowledgeWildcard } from "./acknowledge-wildcard.ts";
import { acknowledgeInlinePolicy } from "./acknowledged-findings.ts";
import { grantOnQueue } from "./encryption-key.ts";
import {
  combined,
  grant,
  grantOnTable,
  grantPublishing,
  type PublishingResources,
} from "./outbox-grants.ts";

/** What `outboxctl` works on. */
export interface OperatedResources extends PublishingResources, Construct {
  readonly streamMapping: EventSourceMapping;
  readonly sweepSchedule: Rule;
  readonly relay: IFunction;
}

/** Allows everything that `outboxctl` does. */
export function grantOperate(outbox: OperatedResources, grantee: IGrantable): Grant {
  return combined([
    // A replay publishes.
    grantPublishing(outbox, grantee),
    grantRepair(outbox, grantee),
    grantPause(outbox, grantee),
    // The action has no resource types.
    grant(grantee, "*", "cloudwatch:GetMetricData"),
    // outboxctl finds everything else by the stack's outputs.
    grant(grantee, stackArn(outbox), "cloudformation:DescribeStacks"),
  ]);
}

/** Creates the role for `outboxctl`, which these principals may assume. */
export function createOperatorRole(
  outbox: OperatedResources,
  id: string,
  principals: readonly IPrincipal[] = [new AccountRootPrincipal()],
): Role {
  if (principals.length === 0) {
    throw new Error(
      "operatorPrincipals is empty, so no principal could repair the outbox: give at least one principal, " +
        "or leave it out and let the account's IAM decide",
    );
  }
  const role = new Role(outbox, id, {
    description: "Lists pending and parked events of the outbox and fixes and republishes them",
    assumedBy: new CompositePrincipal(...principals),
  });
  grantOperate(outbox, role);
  acknowledgeInlinePolicy(role);
  acknowledgeWildcard(
    role,
    anyStreamArn(outbox.table),
    "A stream's name is its creation time, and a replaced stream can still be read for 24 hours.",
  );
  acknowledgeWildcard(
    role,
    stackArn(outbox),
    "The ARN of a stack ends in an id, and outboxctl names the stack without it.",
  );
  acknowledgeWildcard(
    role,
    "*",
    "The action that reads the metrics of the outbox supports no resource.",
  );
  return role;
}

/** Allows reading and changing rows and dead letters, and reading the records that Lambda's dead letters point to. */
function grantRepair(outbox: OperatedResources, operator: IGrantable): Grant {
  return combined([
    grantOnTable(
      outbox.table,
      operator,
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
    ),
    grant(operator, anyStreamArn(outbox.table), "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    grantOnQueue(
      outbox.deadLetterQueue,
      operator,
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ),
  ]);
}

/** Allows pausing and resuming both ways out of the outbox: the stream mapping and the sweeper. */
function grantPause(outbox: OperatedResources, operator: IGrantable): Grant {
  return combined([
    grant(operator, outbox.streamMapping.eventSourceMappingArn, "lambda:GetEventSourceMapping"),
    // IAM can't limit an update to `Enabled`. Lambda compares the function that the mapping is
    // associated with; which ARN it compares for an alias isn't documented, so any matches.
    Grant.addToPrincipal({
      grantee: operator,
      actions: ["lambda:UpdateEventSourceMapping"],
      resourceArns: [outbox.streamMapping.eventSourceMappingArn],
      conditions: {
        ArnLike: {
          "lambda:FunctionArn": [outbox.relay.functionArn, `${outbox.relay.functionArn}:*`],
        },
      },
    }),
    grant(
      operator,
      outbox.sweepSchedule.ruleArn,
      "events:DescribeRule",
      "events:DisableRule",
      "events:EnableRule",
    ),
  ]);
}

/** The ARN of the table's stream and of any stream that it replaced. */
function anyStreamArn(table: ITable): string {
  return `${table.tableArn}/stream/*`;
}

/** The ARN that IAM checks when a stack is named without the id at its end. */
function stackArn(outbox: Construct): string {
  return Stack.of(outbox).formatArn({
    service: "cloudformation",
    resource: "stack",
    resourceName: `${Stack.of(outbox).stackName}/*`,
  });
}
