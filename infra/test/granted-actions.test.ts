import { beforeAll, expect, test } from "vitest";
import { type FunctionsTemplate, type GrantedActions, grantedActions } from "./granted-actions.ts";
import { ordersTemplate } from "./template.ts";

let granted: Record<string, GrantedActions>;

beforeAll(() => {
  granted = grantedActions(ordersTemplate("local").toJSON() as FunctionsTemplate);
});

test("every function is listed by the name of its crate", () => {
  expect(Object.keys(granted).sort()).toEqual([
    "cancel-order",
    "create-order",
    "get-order",
    "publish-events",
    "start-shipping",
    "sweep-outbox",
  ]);
});

test("actions of a function and of Lambda are listed apart", () => {
  expect(granted["start-shipping"]).toEqual({
    function: [
      { action: "dynamodb:ConditionCheckItem", on: "ShipmentsTableName" },
      { action: "dynamodb:GetItem", on: "ShipmentsTableName" },
      { action: "dynamodb:PutItem", on: "ShipmentsTableName" },
      { action: "sqs:SendMessage", on: "ShippingDeadLetterQueueUrl" },
    ],
    lambda: [
      { action: "logs:CreateLogStream", on: expect.stringMatching(/^ShippingStartShippingLogs/) },
      { action: "logs:PutLogEvents", on: expect.stringMatching(/^ShippingStartShippingLogs/) },
      { action: "sqs:DeleteMessage", on: "ShippingQueueUrl" },
      { action: "sqs:GetQueueAttributes", on: "ShippingQueueUrl" },
      { action: "sqs:ReceiveMessage", on: "ShippingQueueUrl" },
      { action: "xray:PutTelemetryRecords", on: "*" },
      { action: "xray:PutTraceSegments", on: "*" },
    ],
  });
  expect(granted["create-order"]?.function).toEqual([
    { action: "dynamodb:BatchGetItem", on: "OutboxTableName" },
    { action: "dynamodb:BatchWriteItem", on: "OutboxTableName" },
    { action: "dynamodb:GetItem", on: "OrdersTableName" },
    { action: "dynamodb:PutItem", on: "OrdersTableName" },
    { action: "dynamodb:PutItem", on: "OutboxTableName" },
    { action: "dynamodb:Query", on: "OutboxTableName" },
    { action: "events:DescribeEventBus", on: "EventBusName" },
    { action: "events:PutEvents", on: "EventBusName" },
  ]);
  expect(granted["publish-events"]?.function).toEqual([
    { action: "dynamodb:BatchGetItem", on: "OutboxTableName" },
    { action: "dynamodb:BatchWriteItem", on: "OutboxTableName" },
    { action: "dynamodb:Query", on: "OutboxTableName" },
    { action: "dynamodb:Scan", on: "OutboxTableName" },
    { action: "dynamodb:UpdateItem", on: "OutboxTableName" },
    { action: "events:DescribeEventBus", on: "EventBusName" },
    { action: "events:PutEvents", on: "EventBusName" },
    { action: "sqs:SendMessage", on: "DeadLetterQueueUrl" },
  ]);
});

test("every action of a function is on a resource that an output names", () => {
  for (const [crate, actions] of Object.entries(granted)) {
    expect(actions.function, crate).not.toHaveLength(0);
    for (const { on } of actions.function) {
      expect(on, crate).toMatch(/(Name|Url)$/);
    }
  }
});
