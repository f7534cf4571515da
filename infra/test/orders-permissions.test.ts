import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { grants, logicalId, ordersTemplate, placeOf, statements } from "./template.ts";

describe.each(environmentNames)("who may do what in %s", (name) => {
  let template: Template;

  beforeAll(() => {
    template = ordersTemplate(name);
  });

  test("the relay has these permissions, and no others", () => {
    expect(grants(template, /OutboxRelay/)).toEqual([
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:DescribeStream on OutboxTable stream",
      "dynamodb:GetRecords on OutboxTable stream",
      "dynamodb:GetShardIterator on OutboxTable stream",
      "dynamodb:ListStreams on OutboxTable stream",
      "dynamodb:Query on OutboxTable",
      "dynamodb:Scan on OutboxTable",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:PutEvents on EventBus",
      "logs:CreateLogStream on OutboxRelayLogs",
      "logs:PutLogEvents on OutboxRelayLogs",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test("the sweeper may scan the table, but not read the stream", () => {
    expect(grants(template, /OutboxSweeper/)).toEqual([
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:Scan on OutboxTable",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:PutEvents on EventBus",
      "logs:CreateLogStream on OutboxSweeperLogs",
      "logs:PutLogEvents on OutboxSweeperLogs",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test.each(["CreateOrder", "CancelOrder"])(
    "%s may read and write orders, and write events and publish them at once",
    (handler) => {
      expect(grants(template, new RegExp(handler))).toEqual([
        "dynamodb:BatchGetItem on OutboxTable",
        "dynamodb:BatchWriteItem on OutboxTable",
        "dynamodb:GetItem on Orders",
        "dynamodb:PutItem on Orders",
        "dynamodb:PutItem on OutboxTable",
        "dynamodb:Query on OutboxTable",
        "events:DescribeEventBus on EventBus",
        "events:PutEvents on EventBus",
        `logs:CreateLogStream on ${handler}Logs`,
        `logs:PutLogEvents on ${handler}Logs`,
        "xray:PutTelemetryRecords on *",
        "xray:PutTraceSegments on *",
      ]);
    },
  );

  test("get-order may read an order and nothing else", () => {
    expect(grants(template, /GetOrder/)).toEqual([
      "dynamodb:GetItem on Orders",
      "logs:CreateLogStream on GetOrderLogs",
      "logs:PutLogEvents on GetOrderLogs",
      "xray:PutTelemetryRecords on *",
      "xray:PutTraceSegments on *",
    ]);
  });

  test("every role has exactly one policy, its own", () => {
    for (const { Properties } of Object.values(template.findResources("AWS::IAM::Role"))) {
      expect(Properties).not.toHaveProperty("ManagedPolicyArns");
      expect(Properties).not.toHaveProperty("Policies");
    }
    template.resourceCountIs("AWS::IAM::ManagedPolicy", 0);
    // One for each function and the operator; the bus needs no role to send to a queue.
    template.resourceCountIs("AWS::IAM::Role", 7);
    template.resourceCountIs("AWS::IAM::Policy", 7);
  });

  test("the operator may repair, pause and resume the outbox, nothing else", () => {
    expect(grants(template, /OutboxOperator/)).toEqual([
      `cloudformation:DescribeStacks on stack/orders-${name}/*`,
      "cloudwatch:GetMetricData on *",
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:DeleteItem on OutboxTable",
      "dynamodb:DescribeTable on OutboxTable",
      "dynamodb:GetItem on OutboxTable",
      "dynamodb:GetRecords on OutboxTable any stream",
      "dynamodb:GetShardIterator on OutboxTable any stream",
      "dynamodb:PutItem on OutboxTable",
      "dynamodb:Query on OutboxTable",
      "dynamodb:Scan on OutboxTable",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:DescribeRule on OutboxSweepSchedule",
      "events:DisableRule on OutboxSweepSchedule",
      "events:EnableRule on OutboxSweepSchedule",
      "events:PutEvents on EventBus",
      "lambda:GetEventSourceMapping on OutboxStreamMapping",
      "lambda:UpdateEventSourceMapping on OutboxStreamMapping",
      "sqs:ChangeMessageVisibility on OutboxDeadLetterQueue",
      "sqs:DeleteMessage on OutboxDeadLetterQueue",
      "sqs:GetQueueAttributes on OutboxDeadLetterQueue",
      "sqs:ReceiveMessage on OutboxDeadLetterQueue",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test("the account's IAM decides who may assume the operator role", () => {
    const role = template.toJSON().Resources[logicalId(template, "OutboxOperator")];
    // No other properties: no managed policy and no inline policy.
    expect(role.Properties).toEqual({
      Description: "Lists pending and parked events of the outbox and fixes and republishes them",
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Action: "sts:AssumeRole",
            Effect: "Allow",
            Principal: { AWS: placeOf(name).root },
          },
        ],
      },
    });
  });

  test("the operator may update the mapping only while it invokes the relay", () => {
    const relay = { "Fn::GetAtt": [logicalId(template, "OutboxRelay"), "Arn"] };
    const updates = statements(template, /OutboxOperator/).filter(({ Action }) =>
      [Action].flat().includes("lambda:UpdateEventSourceMapping"),
    );
    expect(updates.map(({ Condition }) => Condition)).toEqual([
      { ArnLike: { "lambda:FunctionArn": [relay, { "Fn::Join": ["", [relay, ":*"]] }] } },
    ]);
  });
});
